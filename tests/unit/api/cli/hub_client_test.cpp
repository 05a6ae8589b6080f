#include "api/cli/hub_client.h"

#include <gtest/gtest.h>

namespace hub::api {
namespace {

// Whose certificates are not looked at.
TEST(HubClient, KnowsItsOwnMachineByItsAddressOnly) {
  for (const char* url :
       {"https://127.0.0.1",
        "https://127.0.0.1:8443/v1",
        "https://localhost:8443",
        "https://[::1]:8443",
        "https://name:secret@127.0.0.1:8443"}) {
    EXPECT_TRUE(is_own_machine(url)) << url;
  }
  for (const char* url :
       {"https://127.example.org",
        "https://127.0.0.1.example.org:8443",
        "https://127.0.0.1:x@hub.example.org",
        "https://[::1]:x@hub.example.org",
        "https://127.0.0.1@[2001:db8::1]",
        "https://hub.example.org/@127.0.0.1",
        "https://hub.example.org?@127.0.0.1",
        "https://"}) {
    EXPECT_FALSE(is_own_machine(url)) << url;
  }
}

}  // namespace
}  // namespace hub::api
