#include "retrieval/sequence_batch.h"

#include <algorithm>
#include <span>

namespace upnext::retrieval {
namespace {

std::span<const uint32_t> Newest(const features::Bags& histories, size_t row, size_t longest) {
  const std::span<const uint32_t> all = histories[row];
  return all.last(std::min(all.size(), longest));
}

// Items of `sequence` that a row with this history reads, at most `most`; -1: it needs a sequence of
// its own.
int64_t ReadsOf(std::span<const uint32_t> history, std::span<const uint32_t> sequence, size_t most,
                bool cut) {
  const size_t least = cut ? (history.size() + 1) / 2 : history.size();
  for (size_t n = std::min(most, history.size()); n >= least; --n) {
    if (std::ranges::equal(history.last(n), sequence.first(n))) return static_cast<int64_t>(n);
    if (n == 0) break;
  }
  return -1;
}

}  // namespace

void BuildSequences(const features::Bags& histories, size_t begin, size_t end, size_t longest,
                    bool cut, SequenceBatch* batch) {
  nn::SequencePlaces& places = batch->places;
  places = {};
  batch->ids.clear();
  batch->read_of.resize(end - begin);
  // Of the row: items before its place. A row that begins another sequence is the first of its rows.
  std::vector<uint32_t> reads(end - begin);
  std::vector<uint8_t> is_last(end - begin, 0);
  std::span<const uint32_t> sequence;
  size_t most = 0;
  for (size_t row = end; row-- > begin;) {
    const std::span<const uint32_t> history = Newest(histories, row, longest);
    const bool follows = row + 1 < end;
    const bool is_cut = cut && sequence.size() == longest;
    int64_t n = follows ? ReadsOf(history, sequence, most, is_cut) : -1;
    if (n < 0) {
      sequence = history;
      n = static_cast<int64_t>(history.size());
      is_last[row - begin] = 1;
    }
    most = static_cast<size_t>(n);
    reads[row - begin] = static_cast<uint32_t>(n);
  }
  for (size_t first = begin; first < end;) {
    size_t last = first;
    while (is_last[last - begin] == 0) ++last;
    const std::span<const uint32_t> items = Newest(histories, last, longest);
    batch->ids.push_back(0);
    batch->ids.insert(batch->ids.end(), items.begin(), items.end());
    for (uint32_t place = 0; place <= items.size(); ++place) places.places.push_back(place);
    for (size_t row = first; row <= last; ++row) {
      const uint32_t read = reads[row - begin];
      const bool again = row > first && places.reads.back() == read;
      if (!again) places.reads.push_back(read);
      batch->read_of[row - begin] = static_cast<uint32_t>(places.reads.size() - 1);
    }
    places.offsets.push_back(static_cast<uint32_t>(places.places.size()));
    places.read_offsets.push_back(static_cast<uint32_t>(places.reads.size()));
    first = last + 1;
  }
}

void PadSequences(size_t multiple, SequenceBatch* batch) {
  nn::SequencePlaces& places = batch->places;
  while (batch->ids.size() % multiple != 0) {
    batch->ids.push_back(0);
    places.places.push_back(0);
    places.offsets.push_back(static_cast<uint32_t>(places.places.size()));
    places.read_offsets.push_back(places.read_offsets.back());
  }
}

}  // namespace upnext::retrieval
