// A running service over a test project, for tests of this room and of those above it.
//
//   TestService test;
//   test->Recommend({.user = "u"});      users, items and regions: bundle/test_bundle.h
#ifndef UPNEXT_SERVING_TEST_SERVICE_H_
#define UPNEXT_SERVING_TEST_SERVICE_H_

#include <gtest/gtest.h>

#include <memory>

#include "base/clock.h"
#include "bundle/test_bundle.h"
#include "features/test_log.h"
#include "serving/service.h"
#include "store/test_store.h"

namespace upnext::serving {

class TestService {
 public:
  explicit TestService(const bundle::TestProjectOptions& options = {}) : project_(options) {
    Restart();
  }
  ServiceOptions options() const {
    return {.log_root = project_.log_root(),
            .bundle_root = project_.bundle_root(),
            .generation = {.engine = engine_,
                           .signals = {},
                           .schema = project_.schema(),
                           .clock = &clock_,
                           .max_ahead_ms = max_ahead_ms_,
                           .max_behind_ms = max_behind_ms_}};
  }
  // By default events of any time are taken.
  void RestartWithLimits(int64_t max_ahead_ms, int64_t max_behind_ms) {
    max_ahead_ms_ = max_ahead_ms;
    max_behind_ms_ = max_behind_ms;
    Restart();
  }
  // As after a stop of the server: everything comes from disk again.
  void Restart() {
    service_.reset();
    store_.reset();
    auto store = store::OpenRocksStore(project_.store(), project_.schema());
    if (!store) ADD_FAILURE() << store.error().message;
    if (!store) return;
    store_ = std::make_shared<store::HookedStore>(*std::move(store));
    Result<std::unique_ptr<Service>> service = Service::Start(options(), store_);
    if (!service) ADD_FAILURE() << service.error().message;
    if (service) service_ = *std::move(service);
  }
  void Restart(const EngineOptions& engine) {
    engine_ = engine;
    Restart();
  }
  Service& operator*() const { return *service_; }
  Service* operator->() const { return service_.get(); }
  const bundle::TestProject& project() const { return project_; }
  base::FixedClock& clock() { return clock_; }
  const std::shared_ptr<store::HookedStore>& store() const { return store_; }

 private:
  bundle::TestProject project_;
  base::FixedClock clock_{features::Minutes(20'000)};
  EngineOptions engine_;
  int64_t max_ahead_ms_ = INT64_MAX, max_behind_ms_ = INT64_MAX;
  std::shared_ptr<store::HookedStore> store_;
  std::unique_ptr<Service> service_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_TEST_SERVICE_H_
