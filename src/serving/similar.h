// Items like an item: those that the same people watched, then those with the most similar vectors.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto similar, SimilarItems(bundle, catalogue, "v42", 20));
//
// Reads what is immutable: any number of threads.
#ifndef UPNEXT_SERVING_SIMILAR_H_
#define UPNEXT_SERVING_SIMILAR_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bundle/bundle.h"
#include "catalogue/catalogue.h"
#include "serving/engine.h"

namespace upnext::serving {

// At most n, best first within each of the two sources; removed items are left out. kNotFound when
// the catalogue has no item `id`.
Result<std::vector<Recommendation>> SimilarItems(const bundle::Bundle& bundle,
                                                 const catalogue::Catalogue& catalogue,
                                                 std::string_view id, uint32_t n);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SIMILAR_H_
