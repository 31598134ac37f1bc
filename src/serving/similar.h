// Items like an item: those that people watched after it, bought with it or watched too, then those
// with the most similar vectors, then what is popular or new on its topics and its channel, then what
// is popular or new at all. Each says which.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto similar, SimilarItems(bundle, catalogue, "v42", 20));
//
// Reads what is immutable: any number of threads.
#ifndef UPNEXT_SERVING_SIMILAR_H_
#define UPNEXT_SERVING_SIMILAR_H_

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bundle/bundle.h"
#include "catalogue/catalogue.h"
#include "retrieval/site_verb.h"
#include "serving/slate.h"

namespace upnext::serving {

// At most n, best first within each source; removed items are left out, and those that `admits`
// says false of. Fewer only when the catalogue
// has no more, or with `close`, which ends after the most similar vectors. kNotFound when the catalogue has no item `id`.
Result<std::vector<Recommendation>> SimilarItems(const bundle::Bundle& bundle,
                                                 const catalogue::Catalogue& catalogue,
                                                 std::string_view id, uint32_t n,
                                                 const retrieval::SiteVerb& verb = {},
                                                 const std::function<bool(uint32_t)>& admits = {},
                                                 bool close = false);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SIMILAR_H_
