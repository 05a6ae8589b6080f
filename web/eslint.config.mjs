import nextPlugin from "@next/eslint-plugin-next";
import a11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  {
    ignores: [
      ".next/",
      "out/",
      "node_modules/",
      "src/api/schema.d.ts",
      "next-env.d.ts",
      "test-results/",
      "tools/api-docs/", // a page's own script, which no project compiles
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ["*.mjs", "tools/*.mjs"] } },
    },
    plugins: { "@next/next": nextPlugin, "react-hooks": reactHooks },
    rules: {
      ...nextPlugin.configs["core-web-vitals"].rules,
      ...reactHooks.configs.recommended.rules,
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "max-lines": ["error", { max: 400 }],
      "no-restricted-imports": [
        "error",
        {
          paths: [
            {
              name: "next/link",
              message: "Use Link of @/components/ui/link, which fetches nothing before a click.",
            },
            {
              name: "next/dynamic",
              message: "Use lazily of @/components/ui/lazily, which is smaller.",
            },
          ],
        },
      ],
    },
  },
  a11y.flatConfigs.strict,
  { files: ["src/components/ui/link.tsx"], rules: { "no-restricted-imports": "off" } },
  { files: ["**/*.mjs"], ...tseslint.configs.disableTypeChecked },
);
