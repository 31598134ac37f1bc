// The histories of a block as sequences, of which neighbouring rows read different places: the rows of
// one user in the order of time have histories that are beginnings of the last one's. Only the
// attention encoder includes it.
//
//   BuildSequences(lists, 0, rows, /*longest=*/200, /*cut=*/false, &batch);
//   batch.ids[list]               one for each place
//   batch.read_of[row]            where the row's output is
//
// Place 0 of a sequence is its beginning and has no item, so that an empty history has a place too.
#ifndef UPNEXT_RETRIEVAL_SEQUENCE_BATCH_H_
#define UPNEXT_RETRIEVAL_SEQUENCE_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "features/feature_block.h"
#include "nn/transformer.h"

namespace upnext::retrieval {

struct SequenceBatch {
  nn::SequencePlaces places;
  std::vector<std::vector<uint32_t>> ids;  // [lists][places.size()]: 0 at the beginnings
  std::vector<uint32_t> read_of;           // [rows]: of places.reads
};

// Of rows [begin, end). `lists`: a list of items, and what is said of each; another list than the
// first that has not as many ids in a row says nothing there. The oldest come first; the newest
// `longest` are read. A row reads a place of the sequence of the row after it if what lies before that
// place is its history, in all lists. With
// `cut`, for training, it does so too if the sequence has only the newer half of its history or more:
// a history longer than `longest` has lost its oldest items in the sequence of a later row.
void BuildSequences(std::span<const features::Bags* const> lists, size_t begin, size_t end,
                    size_t longest, bool cut, SequenceBatch* batch);
// Adds beginnings that nobody reads until the number of places is a multiple: libraries compile a
// kernel for each size of a product.
void PadSequences(size_t multiple, SequenceBatch* batch);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_SEQUENCE_BATCH_H_
