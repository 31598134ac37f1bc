// Why an item is shown, in words: the watched item that most resembles it, else the channel or
// topic that the user keeps coming back to, else who proposed it.
//
//   Reasons reasons(bundle, catalogue, state, context);
//   std::string text = reasons.For(item, sources);       "because you watched Sourdough for
//   beginners"
//
// Belongs to one request.
#ifndef UPNEXT_SERVING_REASONS_H_
#define UPNEXT_SERVING_REASONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "bundle/bundle.h"
#include "catalogue/catalogue.h"
#include "features/request_context.h"
#include "features/user_state.h"

namespace upnext::serving {

struct SourceScore {
  std::string_view source;  // "candidate-model", "popular", "trending", "co-watch"
  double score;
};

class Reasons {
 public:
  Reasons(const bundle::Bundle& bundle, const catalogue::Catalogue& catalogue,
          const features::UserState& state, const features::Context& context);
  std::string For(uint32_t item, std::span<const SourceScore> sources) const;

 private:
  std::string NameOf(uint32_t item) const;  // title, else id
  // How often the user watched items with this channel or topic, as far as the state keeps it.
  uint64_t Watches(std::string_view attribute, uint32_t id) const;

  struct Because {
    uint32_t watched;
    double similarity;
  };
  const catalogue::Catalogue& catalogue_;
  const features::UserState& state_;
  std::unordered_map<uint32_t, Because> because_;  // by recommended item
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_REASONS_H_
