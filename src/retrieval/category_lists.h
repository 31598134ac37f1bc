// Lists of items by their topics or channel.
//
//   LearnedLists lists = ListsByTopic(catalogue, items, 1000);    list k: of topic k, in the order
//                                                                 of `items`
//
// Functions without state: any number of threads.
#ifndef UPNEXT_RETRIEVAL_CATEGORY_LISTS_H_
#define UPNEXT_RETRIEVAL_CATEGORY_LISTS_H_

#include <cstddef>
#include <span>

#include "catalogue/catalogue.h"
#include "retrieval/scored_lists.h"

namespace upnext::retrieval {

// The first `most` items of each topic of the catalogue.
LearnedLists ListsByTopic(const catalogue::Catalogue& catalogue, std::span<const ScoredItem> items,
                          size_t most);
// The same by channel.
LearnedLists ListsByChannel(const catalogue::Catalogue& catalogue,
                            std::span<const ScoredItem> items, size_t most);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CATEGORY_LISTS_H_
