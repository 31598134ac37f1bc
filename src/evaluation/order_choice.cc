#include "evaluation/order_choice.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "evaluation/retrieval_models.h"
#include "evaluation/served_lists.h"
#include "examples/hidden_items.h"
#include "examples/holdout.h"

namespace upnext::evaluation {
namespace {

constexpr size_t kOrderBlock = 32;            // cases that a thread ranks at once
constexpr size_t kOrderScores = 500'000'000;  // cases x items, at most

UserSums SumsOf(std::vector<double> ndcg) {
  std::vector<double> ones(ndcg.size(), 1.0);
  return {std::move(ndcg), std::move(ones)};
}

double MeanOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

}  // namespace

Result<OrderChoice> ChooseOrder(const Subject& subject, const EvaluateOptions& options,
                                std::span<const retrieval::FeedOrder> orders,
                                base::ThreadPool& pool, base::Progress& progress) {
  OrderChoice choice{.order = orders.front(), .tried = {}};
  if (orders.size() == 1 || subject.candidate == nullptr) return choice;
  std::vector<examples::HoldoutCase> cases =
      examples::HoldoutCases(subject.source, examples::SplitPart::kValidation, pool);
  const size_t items = std::max(1u, subject.source.log.items());
  KeepEvenly(std::min<size_t>(kOrderUsers, kOrderScores / items), &cases);
  choice.users = cases.size();
  if (cases.size() < kFewestUsers) return choice;
  ListMaker maker(subject, options, orders, cases, pool);
  std::vector<retrieval::FeedOrder> tried;
  for (const retrieval::FeedOrder& order : orders) {
    if (tried.empty() || maker.CanServe(order)) tried.push_back(order);
  }
  std::vector<std::vector<double>> ndcg(tried.size(), std::vector<double>(cases.size()));
  const examples::HiddenItems hidden(subject.source, options.feed);
  const std::vector<uint32_t> by_time = ByTime(cases);
  base::ProgressStage stage(progress, "choose the order", "users", cases.size());
  for (size_t done = 0; done < cases.size();) {
    if (progress.stop_requested()) return Cancelled("stopped on request");
    const size_t block = std::min(cases.size() - done, kOrderBlock * 32);
    maker.MoveTo(cases[by_time[done]].context.time_ms);
    std::vector<Status> proposed(block);
    pool.ParallelFor(block, kOrderBlock, [&](size_t begin, size_t end) {
      const auto places = std::span(by_time).subspan(done + begin, end - begin);
      std::vector<CaseInput> inputs;
      for (const uint32_t place : places) {
        inputs.push_back(InputOf(subject, cases[place], hidden));
      }
      const Result<std::vector<Proposals>> proposals = maker.Propose(inputs);
      if (!proposals) {
        proposed[begin] = std::unexpected(proposals.error());
        return;
      }
      for (size_t i = 0; i < inputs.size(); ++i) {
        const examples::HoldoutCase& held_out = cases[places[i]];
        for (size_t o = 0; o < tried.size(); ++o) {
          ndcg[o][places[i]] = Ndcg(
              RanksInList(maker.InOrder((*proposals)[i], tried[o], inputs[i]), held_out.targets)
                  .ranks,
              held_out.targets.size(), kTop);
        }
      }
    });
    for (Status& one : proposed) UPNEXT_RETURN_IF_ERROR(std::move(one));
    done += block;
    stage.Update(done);
  }
  size_t best = 0;
  bool certain = false;  // that one is better than the first
  for (size_t o = 0; o < tried.size(); ++o) {
    base::Rng rng(options.seed);
    TriedOrder one{.order = tried[o].ToText(), .ndcg = MeanOf(ndcg[o]), .difference = kNoInterval};
    if (o > 0) {
      one.difference = BootstrapDifference(SumsOf(ndcg[o]), SumsOf(ndcg.front()), false, rng);
      certain = certain || one.difference.low > 0;
      if (one.ndcg > choice.tried[best].ndcg) best = o;
    }
    choice.tried.push_back(std::move(one));
  }
  if (certain) choice.order = tried[best];
  return choice;
}

}  // namespace upnext::evaluation
