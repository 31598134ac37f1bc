#include "nn/transformer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "nn/causal_attention.h"
#include "nn/gradient_check.h"

namespace upnext::nn {
namespace {

constexpr size_t kNetDim = 4;

std::vector<float> NormalNumbers(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<float> numbers(n);
  for (float& number : numbers) number = static_cast<float>(rng.Normal());
  return numbers;
}

SequencePlaces PlacesOf(const std::vector<uint32_t>& lengths,
                        const std::vector<std::vector<uint32_t>>& reads) {
  SequencePlaces places;
  for (size_t s = 0; s < lengths.size(); ++s) {
    for (uint32_t i = 0; i < lengths[s]; ++i) places.places.push_back(i);
    places.offsets.push_back(static_cast<uint32_t>(places.places.size()));
    places.reads.insert(places.reads.end(), reads[s].begin(), reads[s].end());
    places.read_offsets.push_back(static_cast<uint32_t>(places.reads.size()));
  }
  return places;
}

Transformer Net(size_t blocks = 2, size_t heads = 2) {
  base::Rng rng(5);
  Transformer net({.dim = kNetDim, .blocks = blocks, .heads = heads, .hidden = 3}, rng);
  std::vector<Parameter> parameters;  // gains and shifts that do something
  net.AppendParameters("n", parameters);
  for (const Parameter& p : parameters) {
    if (p.shape.size() > 1) continue;
    for (float& value : p.value) value += static_cast<float>(0.3 * rng.Normal());
  }
  return net;
}

std::vector<float> Outputs(const Transformer& net, const std::vector<float>& x,
                           const SequencePlaces& places, base::ThreadPool* pool = nullptr) {
  Transformer::Work work;
  net.Forward(x.data(), places, {}, work, {.pool = pool});
  return work.out;
}

// By its definition: one query, one head of the whole width.
TEST(CausalAttention, IsAMeanOfTheValuesUpToThePlaceByTheSoftmaxOfTheProducts) {
  const std::vector<float> q = {1, 2, -1, 0.5f}, kv = {1, 0, 10, 20, 0, 1, 30, 40, 9, 9, 90, 90};
  const std::vector<uint32_t> keys = {0, 3}, queries = {0, 2}, places = {0, 1};
  std::vector<float> out(4);
  const CausalAttention attention{
      .dim = 2, .heads = 1, .keys = keys, .queries = queries, .places = places};
  attention.Forward(q.data(), kv.data(), out.data(), {});
  EXPECT_NEAR(out[0], 10, 1e-5);  // the first place sees itself alone
  EXPECT_NEAR(out[1], 20, 1e-5);
  const double a = std::exp(-1 / std::sqrt(2)), b = std::exp(0.5 / std::sqrt(2));
  EXPECT_NEAR(out[2], (10 * a + 30 * b) / (a + b), 1e-4);
  EXPECT_NEAR(out[3], (20 * a + 40 * b) / (a + b), 1e-4);
}

TEST(Transformer, GradientsEqualFiniteDifferencesOfEveryParameter) {
  const SequencePlaces places = PlacesOf({4, 1, 3}, {{0, 1, 3}, {0}, {2}});
  for (const float rate : {0.0f, 0.4f}) {
    SCOPED_TRACE(rate);
    Transformer net = Net();
    base::ThreadPool pool(2);
    const Compute compute{.pool = &pool};
    const MaskedDropout dropout{.rate = rate, .seed = 3};
    std::vector<float> x = NormalNumbers(places.size() * kNetDim, 1), d_x(x.size(), 99.0f);
    const std::vector<float> weights = NormalNumbers(places.reads.size() * kNetDim, 2);
    Transformer::Work work;
    const auto loss = [&] {
      net.Forward(x.data(), places, dropout, work, compute);
      return std::inner_product(weights.begin(), weights.end(), work.out.begin(), 0.0);
    };
    loss();
    net.Backward(places, dropout, work, weights.data(), d_x.data(), compute);
    const auto at_x = CheckGradient(x, d_x, loss, {.step = 3e-3f, .floor = 0.1});
    EXPECT_LT(at_x.relative_error, 1e-2) << at_x;
    std::vector<Parameter> parameters;
    net.AppendParameters("n", parameters);
    for (const Parameter& p : parameters) {
      const std::vector<float> gradient(p.gradient.begin(), p.gradient.end());
      const auto worst = CheckGradient(p.value, gradient, loss, {.step = 3e-3f, .floor = 0.1});
      EXPECT_LT(worst.relative_error, 1e-2) << p.name << " " << worst;
      // The bias of the keys adds the same to all scores of a query.
      const bool moves = std::ranges::any_of(gradient, [](float g) { return g != 0; });
      EXPECT_TRUE(moves) << p.name;
    }
  }
}

// 150 places are more than one block of queries.
TEST(Transformer, ALaterPlaceChangesNoEarlierOutput) {
  constexpr uint32_t kLength = 150;
  std::vector<uint32_t> all(kLength);
  std::iota(all.begin(), all.end(), 0u);
  const SequencePlaces places = PlacesOf({kLength}, {all});
  const Transformer net = Net();
  std::vector<float> x = NormalNumbers(kLength * kNetDim, 1);
  const std::vector<float> before = Outputs(net, x, places);
  for (const uint32_t changed : {1u, 63u, 64u, 149u}) {
    std::vector<float> other = x;
    other[changed * kNetDim] += 3;
    const std::vector<float> after = Outputs(net, other, places);
    for (uint32_t i = 0; i < kLength; ++i) {
      const bool same = std::equal(after.begin() + i * kNetDim, after.begin() + (i + 1) * kNetDim,
                                   before.begin() + i * kNetDim);
      EXPECT_EQ(same, i < changed) << i << " of " << changed;
    }
  }
}

TEST(Transformer, OtherSequencesAndOtherReadsDoNotMatter) {
  const Transformer net = Net(3, 1);
  const std::vector<float> x = NormalNumbers(9 * kNetDim, 1);
  const std::vector<float> together =
      Outputs(net, x, PlacesOf({2, 4, 3}, {{1}, {0, 2, 3}, {0, 1, 2}}));
  const std::vector<float> middle(x.begin() + 2 * kNetDim, x.begin() + 6 * kNetDim);
  const std::vector<float> alone = Outputs(net, middle, PlacesOf({4}, {{2}}));
  for (size_t d = 0; d < kNetDim; ++d) EXPECT_NEAR(alone[d], together[2 * kNetDim + d], 1e-6);
}

TEST(Transformer, ThreadsDoNotChangeTheBytes) {
  const SequencePlaces places = PlacesOf({90, 5, 70}, {{3, 89}, {4}, {0, 1, 69}});
  const Transformer net = Net();
  const std::vector<float> x = NormalNumbers(places.size() * kNetDim, 1);
  base::ThreadPool two(2), three(3);
  EXPECT_EQ(Outputs(net, x, places, &two), Outputs(net, x, places, &three));
}

TEST(MaskedDropout, TheSameSeedDropsTheSameAndKeepsTheMean) {
  const MaskedDropout dropout{.rate = 0.25f, .seed = 7};
  std::vector<float> a(10'000, 1.0f), b = a, other = a;
  dropout.Apply(1, a.data(), 100, 100, {});
  dropout.Apply(1, b.data(), 100, 100, {});
  dropout.Apply(2, other.data(), 100, 100, {});
  EXPECT_EQ(a, b);
  EXPECT_NE(a, other);
  // 10,000 draws of mean 1 and variance 1/3: five standard errors.
  EXPECT_NEAR(std::accumulate(a.begin(), a.end(), 0.0) / 10'000, 1,
              5 * std::sqrt(1 / 3.0 / 10'000));
}

}  // namespace
}  // namespace upnext::nn
