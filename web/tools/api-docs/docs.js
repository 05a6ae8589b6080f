// Shows /openapi.json with Swagger UI, which is large and therefore loaded by us, not by the page. Everything comes from
// this hub, and calls go to it, by whatever name it was reached: with the key that the reader gives under "Authorize".
const bundle = document.createElement("script");
bundle.src = "/ui/docs/swagger-ui-bundle.js";
bundle.addEventListener("load", async () => {
  const answer = await fetch("/openapi.json");
  const description = await answer.json();
  window.SwaggerUIBundle({
    spec: { ...description, servers: [{ url: window.location.origin }] },
    dom_id: "#api",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    // Its badge is a picture from elsewhere.
    validatorUrl: null,
  });
});
document.head.append(bundle);
