#include "serving/bundle_figures.h"

#include "base/time_text.h"
#include "bundle/bundle.h"
#include "log/event_log.h"

namespace upnext::serving {

BundleFigures FiguresOf(const Generation& generation) {
  const bundle::Bundle& bundle = generation.bundle();
  BundleFigures out{.index_items = bundle.index() == nullptr ? 0 : bundle.index()->size(),
                    .part_bytes = {},
                    .prediction_means = bundle.manifest().prediction_means,
                    .created_ms = base::ParseTime(bundle.manifest().created).value_or(0),
                    .last_event_ms = generation.catalogue().log().stats().last_ms};
  for (const bundle::PartEntry& part : bundle.manifest().parts) {
    out.part_bytes[part.name] = part.bytes;
  }
  return out;
}

}  // namespace upnext::serving
