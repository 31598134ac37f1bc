#include "simulator/policy.h"

#include <algorithm>
#include <cmath>

#include "simulator/draws.h"
#include "simulator/words.h"

namespace upnext::simulator {
std::span<const uint32_t> LoggingPolicy::ChannelItems(uint32_t channel, size_t slice) const {
  const std::span<const uint32_t> all = world_.catalogue().channel_items(channel);
  const auto end = std::lower_bound(all.begin(), all.end(), world_.popularity().CountAt(slice));
  return all.first(static_cast<size_t>(end - all.begin()));
}

LoggingPolicy::Guess LoggingPolicy::MakeGuess(const SlateRequest& request) const {
  const PolicyOptions& p = world_.options().policy;
  const Popularity& popularity = world_.popularity();
  const User& user = request.user;
  const uint32_t topics = world_.options().catalogue.topics;
  Guess guess;
  guess.slice = popularity.SliceAt(request.time_ms);
  // The estimate is outdated, and has an error factor that is constant per user.
  const auto guess_age_ms = static_cast<int64_t>(p.guess_age_days * 86'400'000);
  std::array<double, kMaxInterests> weight = user.InterestsAt(request.time_ms - guess_age_ms);
  base::Rng noise = StreamRng(world_.options().seed, Purpose::kUser, user.id | uint64_t{1} << 40);
  double total = 0;
  for (size_t k = 0; k < static_cast<size_t>(user.interests); ++k) {
    total += weight[k] *= std::exp(p.interest_noise * noise.Normal());
  }
  for (uint32_t t = 0; t < topics; ++t) guess.topics[t] = p.interest_spill / topics;
  for (size_t k = 0; k < static_cast<size_t>(user.interests); ++k) {
    guess.topics[user.topic[k]] += (1 - p.interest_spill) * weight[k] / total;
  }
  const bool two = user.second_language != kNoLanguage;
  guess.language = {two ? p.first_language : 1.0, two ? 1 - p.first_language : 0.0};
  for (uint32_t t = 0; t < topics; ++t) {
    for (size_t l = 0; l < 2; ++l) {
      if (guess.language[l] <= 0) continue;
      const uint8_t language = l == 0 ? user.language : user.second_language;
      if (popularity.Total(popularity.TopicRange(language, t), guess.slice) > 0) continue;
      guess.missing_topics += guess.topics[t] * guess.language[l];
    }
  }
  const bool none_own =
      !(popularity.Total(popularity.LanguageRange(user.language), guess.slice) > 0);
  guess.missing_popular = none_own ? p.own_language : 0.0;
  for (uint32_t channel : request.memory.channels) {
    if (!ChannelItems(channel, guess.slice).empty()) guess.channels.push_back(channel);
  }
  return guess;
}

LoggingPolicy::Shares LoggingPolicy::Mixture(const SlateRequest& request, const Guess& guess,
                                             uint32_t position) const {
  const PolicyOptions& p = world_.options().policy;
  const double depth = 1 - std::exp(-(static_cast<double>(position) - 1) / p.position_scale);
  const bool has_current = request.current_item != kNoItem;
  Shares shares = {
      p.popular * (1 + p.popular_growth * depth), guess.missing_topics < 0.999 ? p.topical : 0.0,
      !has_current && !guess.channels.empty() ? p.subscribed : 0.0, has_current ? p.related : 0.0};
  double total = 0;
  for (double share : shares) total += share;
  for (double& share : shares) share /= total;
  return shares;
}

LoggingPolicy::Shares LoggingPolicy::Probabilities(const SlateRequest& request, const Guess& guess,
                                                   uint32_t item_id) const {
  const PolicyOptions& p = world_.options().policy;
  const Popularity& popularity = world_.popularity();
  if (item_id >= popularity.CountAt(guess.slice)) return {};
  const Item& item = world_.catalogue().item(item_id);
  const User& user = request.user;
  Shares q{};
  const Popularity::Range own = popularity.LanguageRange(user.language);
  q[0] = (1 - p.own_language) * popularity.Probability(item_id, 1, popularity.All(), guess.slice);
  if (item.language == user.language) {
    const double in_own = popularity.Probability(item_id, 1, own, guess.slice);
    // Selected first, then added: otherwise the compiler fuses multiplication and addition, which
    // changes the last bits.
    q[0] += in_own > 0 ? p.own_language * in_own : 0.0;
  }
  for (size_t l = 0; l < 2; ++l) {
    const uint8_t language = l == 0 ? user.language : user.second_language;
    if (guess.language[l] <= 0 || item.language != language) continue;
    for (const uint8_t topic : {item.topic, item.second_topic}) {
      if (topic == kNoTopic) continue;
      q[1] += guess.language[l] * guess.topics[topic] *
              popularity.Probability(item_id, Catalogue::TopicShare(item, topic),
                                     popularity.TopicRange(language, topic), guess.slice);
    }
  }
  if (std::find(guess.channels.begin(), guess.channels.end(), item.channel) !=
      guess.channels.end()) {
    const std::span<const uint32_t> items = ChannelItems(item.channel, guess.slice);
    const size_t latest = std::min<size_t>(p.latest, items.size());
    const auto last = items.last(latest);
    if (std::find(last.begin(), last.end(), item_id) != last.end()) {
      q[2] = 1.0 / static_cast<double>(guess.channels.size() * latest);
    }
  }
  if (request.current_item != kNoItem) q[3] = RelatedProbability(request, guess, item_id);
  return q;
}

double LoggingPolicy::RelatedProbability(const SlateRequest& request, const Guess& guess,
                                         uint32_t item_id) const {
  const PolicyOptions& p = world_.options().policy;
  const Popularity& popularity = world_.popularity();
  const Item& current = world_.catalogue().item(request.current_item);
  const Item& item = world_.catalogue().item(item_id);
  const bool next_exists =
      current.next != kNoItem && current.next < popularity.CountAt(guess.slice);
  const double of_next = next_exists ? p.related_next : 0.0;
  double q = item_id == current.next ? of_next : 0.0;
  if (item.channel == current.channel) {
    q += p.related_channel / static_cast<double>(ChannelItems(current.channel, guess.slice).size());
  }
  if (item.language == current.language) {
    q +=
        (1 - of_next - p.related_channel) *
        popularity.Probability(item_id, Catalogue::TopicShare(item, current.topic),
                               popularity.TopicRange(current.language, current.topic), guess.slice);
  }
  return q;
}

uint32_t LoggingPolicy::DrawRelated(const SlateRequest& request, const Guess& guess,
                                    base::Rng& rng) const {
  const PolicyOptions& p = world_.options().policy;
  const Popularity& popularity = world_.popularity();
  const Item& current = world_.catalogue().item(request.current_item);
  const bool next_exists =
      current.next != kNoItem && current.next < popularity.CountAt(guess.slice);
  const double x = rng.Uniform();
  if (x < p.related_channel) {
    const std::span<const uint32_t> items = ChannelItems(current.channel, guess.slice);
    return items[rng.Below(items.size())];
  }
  if (next_exists && x < p.related_channel + p.related_next) return current.next;
  return popularity.Draw(popularity.TopicRange(current.language, current.topic), guess.slice, rng);
}

uint32_t LoggingPolicy::DrawFrom(Source source, const SlateRequest& request, const Guess& guess,
                                 base::Rng& rng) const {
  const PolicyOptions& p = world_.options().policy;
  const Popularity& popularity = world_.popularity();
  const User& user = request.user;
  switch (source) {
    case Source::kPopular: {
      const bool own = rng.Uniform() < p.own_language;
      const Popularity::Range range =
          own ? popularity.LanguageRange(user.language) : popularity.All();
      return popularity.Draw(range, guess.slice, rng);
    }
    case Source::kTopical: {
      const auto topic = static_cast<uint32_t>(PickWeighted<double>(rng, guess.topics));
      const bool first = rng.Uniform() < guess.language[0];
      const uint8_t language = first ? user.language : user.second_language;
      return popularity.Draw(popularity.TopicRange(language, topic), guess.slice, rng);
    }
    case Source::kSubscribed: {
      const uint32_t channel = guess.channels[rng.Below(guess.channels.size())];
      const std::span<const uint32_t> items = ChannelItems(channel, guess.slice);
      const size_t latest = std::min<size_t>(p.latest, items.size());
      return items.last(latest)[rng.Below(latest)];
    }
    case Source::kRelated:
      return DrawRelated(request, guess, rng);
    default:
      return kNoItem;
  }
}

void DrawRandomSlate(uint32_t existing, uint32_t current_item, size_t count, base::Rng& rng,
                     std::vector<ShownItem>& slate) {
  slate.clear();
  double left = static_cast<double>(existing);
  if (current_item < existing) left -= 1;
  while (slate.size() < count) {
    const auto item = static_cast<uint32_t>(rng.Below(existing));
    const auto same = [item](const ShownItem& shown) { return shown.item == item; };
    if (item == current_item || std::any_of(slate.begin(), slate.end(), same)) continue;
    slate.push_back({item, Source::kRandom, 1.0 / left});
    left -= 1;
  }
}

void LoggingPolicy::Draw(const SlateRequest& request, base::Rng& rng,
                         std::vector<ShownItem>& slate) const {
  slate.clear();
  const size_t slice = world_.popularity().SliceAt(request.time_ms);
  // Draws are repeated while they give an item of the slate, so the slate must be much smaller than
  // the number of existing items.
  const uint32_t existing = world_.popularity().CountAt(slice);
  const size_t count = std::min<size_t>(request.size, existing / 5);
  if (rng.Uniform() < world_.options().policy.random_share) {
    DrawRandomSlate(existing, request.current_item, count, rng, slate);
    return;
  }
  const Guess guess = MakeGuess(request);
  struct Taken {
    uint32_t item;
    Shares q;
  };
  std::vector<Taken> taken;
  taken.reserve(count + 1);
  if (request.current_item != kNoItem)
    taken.push_back({request.current_item, Probabilities(request, guess, request.current_item)});
  const auto mixed = [](const Shares& mixture, const Shares& q) {
    double sum = 0;
    for (size_t k = 0; k < kMixed; ++k) sum += mixture[k] * q[k];
    return sum;
  };
  while (slate.size() < count) {
    const Shares mixture = Mixture(request, guess, static_cast<uint32_t>(slate.size() + 1));
    double lost = mixture[0] * guess.missing_popular + mixture[1] * guess.missing_topics;
    for (const Taken& t : taken) lost += mixed(mixture, t.q);
    while (true) {
      const auto source = static_cast<Source>(PickWeighted<double>(rng, mixture));
      const uint32_t item = DrawFrom(source, request, guess, rng);
      const auto same = [item](const Taken& t) { return t.item == item; };
      if (item == kNoItem || std::any_of(taken.begin(), taken.end(), same)) continue;
      const Shares q = Probabilities(request, guess, item);
      taken.push_back({item, q});
      slate.push_back({item, source, std::min(1.0, mixed(mixture, q) / (1 - lost)),
                       static_cast<float>(q[static_cast<size_t>(source)])});
      break;
    }
  }
}

}  // namespace upnext::simulator
