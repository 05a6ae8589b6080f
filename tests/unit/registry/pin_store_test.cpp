#include "core/registry/pin_store.h"

#include <gmock/gmock.h>

#include "tests/support/registry_fixture.h"

namespace hub::registry {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PinStoreTest : public test::RegistryFixture {
 protected:
  std::string version_of(const std::string& name) {
    return models.newest_ready(add_model(name, ready(name)).id).value().id;
  }
  PinStore pins{storage.pool, storage.clock};
};

TEST_F(PinStoreTest, ArePutTakenAndKept) {
  const std::string a = version_of("a");
  const std::string b = version_of("b");
  pins.set(b, true);
  storage.clock.advance_ms(1);
  pins.set(a, true);
  pins.set(b, true);  // already
  EXPECT_THAT(PinStore(storage.pool, storage.clock).all(), ElementsAre(b, a));
  pins.set(b, false);
  EXPECT_THAT(pins.all(), ElementsAre(a));
}

TEST_F(PinStoreTest, GoWithTheirModel) {
  pins.set(version_of("a"), true);
  models.remove_model(models.find_model("a")->id);
  EXPECT_THAT(pins.all(), IsEmpty());
}

}  // namespace
}  // namespace hub::registry
