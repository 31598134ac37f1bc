// Random sites: random schemas with random rows, imported from files of every kind, and random
// features over them. What a server that began with a part of the log and got the other events
// posted has of each user is what a replay of the whole log has, to the byte.
#include "import/random_site.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>

#include "base/test_folder.h"
#include "base/versioned_root.h"
#include "bundle/bundle.h"
#include "examples/learn.h"
#include "features/random_expressions.h"
#include "parity.h"

namespace upnext {
namespace {

using import::RandomSite;

constexpr examples::SplitOptions kAllTrains{.kind = examples::SplitOptions::Kind::kNone};

template <typename T>
T Value(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

// An imported log and what replays read of it.
struct ImportedLog {
  ImportedLog(const RandomSite& site, const std::filesystem::path& folder,
              RandomSite::Format format)
      : root(folder / "log"), version(Import(site, folder, format)) {}

  std::string Import(const RandomSite& site, const std::filesystem::path& folder,
                     RandomSite::Format format) {
    EXPECT_TRUE(base::MakeDirectories(folder));
    import::ImportOptions options = site.Options(folder, format);
    options.data = folder;
    return Value(import::Import(options, root, base::NoProgress())).version;
  }

  const std::filesystem::path root;
  const std::string version;
  const log::EventLog log = Value(log::EventLog::Open(root / version));
  const catalogue::Catalogue catalogue{log};
  const features::PositiveRule rule = {};
  const examples::Split split = Value(examples::Split::Make(kAllTrains, log, rule));
  const examples::ReplaySource source{log, catalogue, rule, split};
};

class RandomSiteTest : public testing::TestWithParam<uint64_t> {
 protected:
  RandomSiteTest() : site_(MakeSite()) {
    for (size_t i = 0; i < site_.events().size(); ++i) {
      of_user_[site_.events()[i].user].push_back(i);
    }
    // The server's log has the beginning of each user's history, or all of it, or nothing.
    for (const auto& [user, events] : of_user_) {
      known_[user] = rng_.Below(4) == 0 ? 0 : rng_.Below(events.size() + 1);
    }
  }
  RandomSite MakeSite() {
    const schema::Schema schema = import::RandomSchema(GetParam(), rng_.Below(9), rng_.Below(20));
    RandomSite site(schema, GetParam(), 1 + rng_.Below(25), rng_.Below(6), 60 + rng_.Below(140));
    site.SetTimesInOrder();
    return site;
  }
  std::vector<size_t> Known(bool whole) const {
    std::vector<size_t> events;
    for (const auto& [user, of_user] : of_user_) {
      const size_t n = whole ? of_user.size() : known_.at(user);
      events.insert(events.end(), of_user.begin(),
                    of_user.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return events;
  }
  RandomSite::Format AnyFormat() { return static_cast<RandomSite::Format>(rng_.Below(3)); }

  // Statistics of the server's log, without models.
  void PublishBundle(const ImportedLog& known, const features::FeatureSpec& spec) {
    base::ThreadPool pool(1);
    const features::FeatureStatistics statistics =
        Value(examples::LearnFeatures(known.source, spec, pool, base::NoProgress()));
    const bundle::Parts parts(statistics, known.rule);
    base::VersionedRoot bundles(folder_ / "bundles");
    bundle::Manifest manifest;
    manifest.log_version = known.version;
    const std::filesystem::path staged = Value(bundles.Begin());
    const Status written = bundle::WriteBundle(staged, parts, &manifest);
    ASSERT_TRUE(written) << written.error().message;
    ASSERT_TRUE(bundles.SetCurrent(Value(bundles.Publish(staged))));
  }
  void Serve(const ImportedLog& known) {
    service_.reset();
    service_ = Value(serving::Service::Start(
        {.log_root = known.root,
         .bundle_root = folder_ / "bundles",
         .generation = {.engine = {}, .signals = {}, .schema = site_.schema(), .clock = &clock_}},
        std::shared_ptr<store::Store>(
            Value(store::OpenRocksStore(folder_ / "store", site_.schema())))));
  }

  base::Rng rng_{GetParam()};
  const RandomSite site_;
  std::map<std::string, std::vector<size_t>> of_user_;  // indexes of events
  std::map<std::string, size_t> known_;                 // events in the server's log, then posted
  const base::TestFolder folder_;
  base::FixedClock clock_{0};
  std::unique_ptr<serving::Service> service_;
};

TEST_P(RandomSiteTest, ServedFeaturesAreThoseOfAReplayToTheByte) {
  const features::FeatureSpec spec =
      features::RandomExpressions(GetParam(), site_.schema()).Spec(/*ranking=*/16, /*retrieval=*/8);
  std::string text = fmt::format("seed {}\n{}", GetParam(), site_.schema().Declarations());
  for (const auto* model : {&spec.retrieval, &spec.ranking}) {
    for (const features::Declaration& feature : *model) {
      text += fmt::format("{} = {}\n", feature.name, feature.from);
    }
  }
  SCOPED_TRACE(text);
  const ImportedLog whole(site_.Part(Known(true), "other"), folder_ / "whole", AnyFormat());
  const ImportedLog known(site_.Part(Known(false), "other"), folder_ / "known", AnyFormat());
  for (size_t space = 1; space < site_.schema().id_spaces().size(); ++space) {  // all but users
    const auto id_space = static_cast<schema::IdSpace>(space);
    ASSERT_EQ(known.catalogue.size(id_space), whole.catalogue.size(id_space)) << space;
  }
  PublishBundle(known, spec);
  Serve(known);
  for (bool all_posted = false; !all_posted && !HasFailure();) {
    all_posted = true;
    std::vector<schema::RawEvent> batch;
    for (const auto& [user, events] : of_user_) {
      size_t& n = known_[user];
      const schema::RawEvent& next = site_.events()[events[std::min(n, events.size() - 1)]];
      ExpectParity(*service_, whole.source, user, n, next);
      for (uint64_t take = rng_.Below(12); take > 0 && n < events.size(); --take) {
        batch.push_back(site_.events()[events[n++]]);
      }
      all_posted &= n == events.size() && batch.empty();
    }
    if (batch.empty()) continue;
    const auto posted = service_->PostEvents(batch, {});
    ASSERT_TRUE(posted) << posted.error().message;
    if (rng_.Below(4) == 0) Serve(known);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomSiteTest, testing::Range<uint64_t>(1, 13));

}  // namespace
}  // namespace upnext
