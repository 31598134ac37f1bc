#include "serving/generator_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "serving/side_runner.h"

namespace upnext::serving {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

// Of one generator, whose earlier searches were left behind: so many may still run when it is asked again.
constexpr int kMostLate = 2;

// What a search next to the request's thread finds; it may outlive the request.
struct SideFind {
  std::vector<retrieval::Candidate> candidates;
  std::vector<LeftOut> left_out;
  std::string failure;
  double ms = 0;
};

struct SideSearch {
  size_t generator;
  StageClock::TimePoint begun;
  std::shared_ptr<SideFind> found;
  std::shared_ptr<SideRunner::Job> job;
};

class GeneratorStage {
 public:
  GeneratorStage(const EngineParts& parts, const std::shared_ptr<const OwnedRequest>& request,
                 const Found* found, CandidatePool& pool, StageClock& clock,
                 std::vector<Asked>& asked)
      : parts_(parts),
        request_(request),
        found_(found),
        pool_(pool),
        clock_(clock),
        asked_(asked) {}

  void Run() {
    const RequestContext& context = request_->context;
    std::vector<std::pair<size_t, size_t>> here;  // generator, wanted
    std::vector<SideSearch> searches;
    for (size_t g = 0; g < parts_.generators.size(); ++g) {
      asked_[g].was_asked = false;
      asked_[g].candidates.clear();
      const size_t wanted = parts_.Wanted(g, context.request, context.scenario);
      if (wanted == 0) continue;
      const bool next_to = request_->within_budget && parts_.generators[g].budget_ms > 0;
      if (next_to) {
        Start(g, wanted, &searches);
      } else {
        here.emplace_back(g, wanted);
      }
    }
    for (const auto& [g, wanted] : here) AskHere(g, wanted);
    for (const SideSearch& search : searches) Collect(search);
  }

 private:
  std::string_view NameOf(size_t g) const { return parts_.generators[g].name; }

  void AskHere(size_t g, size_t wanted) {
    if (clock_.OutOfTime()) {
      clock_.Degrade(kGenerators, "was not asked: no time was left", NameOf(g));
      return;
    }
    const StageClock::TimePoint begun = clock_.now();
    auto admits = [&](uint32_t item) { return pool_.Admits(item); };
    std::vector<retrieval::Candidate>& out = asked_[g].candidates;
    if (found_ != nullptr) {
      for (const retrieval::Candidate& one : (*found_)[g]) {
        if (out.size() == wanted) break;
        if (admits(one.item)) out.push_back(one);
      }
    }
    if (out.size() < wanted) {  // more than was found for the filters to leave enough
      out.clear();
      const std::string failure =
          ProposeOrSay(parts_.generators[g].generator, request_->context.ToPropose(), wanted,
                       retrieval::ItemFilter(admits), &out);
      if (!failure.empty()) clock_.Degrade(kGenerators, failure, NameOf(g));
    }
    asked_[g].was_asked = true;
    asked_[g].ms = clock_.MillisecondsFrom(begun);
  }

  void Start(size_t g, size_t wanted, std::vector<SideSearch>* searches) const {
    const int late = parts_.figures->late[g];
    if (late >= kMostLate) {
      clock_.Degrade(kGenerators,
                     fmt::format("was not asked: {} of its earlier searches have not ended", late),
                     NameOf(g));
      return;
    }
    auto found = std::make_shared<SideFind>();
    const retrieval::Generator& generator = parts_.generators[g].generator;
    auto search = [request = request_, &parts = parts_, &generator, wanted, found] {
      const StageClock clock(parts.now);
      auto admits = [&](uint32_t item) {
        const std::optional<size_t> filter = LeftOutBy(parts.filters, item, request->context);
        if (filter) found->left_out.push_back({item, *filter});
        return !filter;
      };
      found->failure = ProposeOrSay(generator, request->context.ToPropose(), wanted,
                                    retrieval::ItemFilter(admits), &found->candidates);
      found->ms = clock.ElapsedMs();
    };
    searches->push_back(
        {g, clock_.now(), found, parts_.side->Run(std::move(search), &parts_.figures->late[g])});
  }

  void Collect(const SideSearch& search) {
    const double budget_ms = parts_.generators[search.generator].budget_ms;
    const double own_ms = budget_ms - clock_.MillisecondsFrom(search.begun);
    const double left_ms = std::clamp(clock_.LeftMs().value_or(own_ms), 0.0, std::max(0.0, own_ms));
    if (!search.job->Wait(
            std::chrono::duration_cast<std::chrono::nanoseconds>(Milliseconds(left_ms)))) {
      clock_.Degrade(
          kGenerators,
          fmt::format("was not done after {:.0f} ms", clock_.MillisecondsFrom(search.begun)),
          NameOf(search.generator));
      return;
    }
    for (const LeftOut& one : search.found->left_out) pool_.LeaveOut(one.item, one.filter);
    if (!search.found->failure.empty()) {
      clock_.Degrade(kGenerators, search.found->failure, NameOf(search.generator));
    }
    Asked& asked = asked_[search.generator];
    asked.was_asked = true;
    asked.ms = search.found->ms;
    asked.candidates = std::move(search.found->candidates);
  }

  const EngineParts& parts_;
  const std::shared_ptr<const OwnedRequest>& request_;
  const Found* const found_;
  CandidatePool& pool_;
  StageClock& clock_;
  std::vector<Asked>& asked_;
};

}  // namespace

std::string ProposeOrSay(const retrieval::Generator& generator,
                         const retrieval::ProposeRequest& request, size_t wanted,
                         const retrieval::ItemFilter& filter,
                         std::vector<retrieval::Candidate>* out) {
  std::string failure;
  try {
    const Status proposed = generator.Propose(request, wanted, filter, out);
    if (proposed) return "";
    failure = proposed.error().message;
  } catch (const std::exception& error) {
    failure = error.what();
  }
  out->clear();
  return "failed: " + failure;
}

void AskGenerators(const EngineParts& parts, const std::shared_ptr<const OwnedRequest>& request,
                   const Found* found, CandidatePool& pool, StageClock& clock,
                   std::vector<Asked>* asked) {
  asked->resize(parts.generators.size());
  GeneratorStage(parts, request, found, pool, clock, *asked).Run();
}

}  // namespace upnext::serving
