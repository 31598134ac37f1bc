#include "retrieval/sequence_batch.h"

#include <algorithm>
#include <span>

namespace upnext::retrieval {
namespace {

using Lists = std::span<const features::Bags* const>;

// The newest `longest` events of a row.
struct History {
  Lists lists;
  size_t row, begin, length;

  History(Lists of, size_t at, size_t longest) : lists(of), row(at) {
    const size_t all = (*lists[0])[row].size();
    length = std::min(all, longest);
    begin = all - length;
  }
  // What a list says of events [from, from + n); empty: nothing.
  std::span<const uint32_t> Ids(size_t list, size_t from, size_t n) const {
    const std::span<const uint32_t> ids = (*lists[list])[row];
    return ids.size() == begin + length ? ids.subspan(begin + from, n)
                                        : std::span<const uint32_t>();
  }
  // Whether the newest n events are the oldest n of the other.
  bool EndsAsBegins(const History& other, size_t n) const {
    for (size_t list = 0; list < lists.size(); ++list) {
      if (!std::ranges::equal(Ids(list, length - n, n), other.Ids(list, 0, n))) return false;
    }
    return true;
  }
};

// Events of `sequence` that a row with this history reads, at most `most`; -1: it needs a sequence of
// its own.
int64_t ReadsOf(const History& history, const History& sequence, size_t most, bool cut) {
  const size_t least = cut ? (history.length + 1) / 2 : history.length;
  for (size_t n = std::min(most, history.length); n >= least; --n) {
    if (history.EndsAsBegins(sequence, n)) return static_cast<int64_t>(n);
    if (n == 0) break;
  }
  return -1;
}

void AppendIds(const History& history, SequenceBatch* batch) {
  for (size_t list = 0; list < batch->ids.size(); ++list) {
    std::vector<uint32_t>& ids = batch->ids[list];
    const std::span<const uint32_t> said = history.Ids(list, 0, history.length);
    ids.push_back(0);
    ids.insert(ids.end(), said.begin(), said.end());
    ids.resize(batch->ids[0].size(), 0);
  }
}

}  // namespace

void BuildSequences(Lists lists, size_t begin, size_t end, size_t longest, bool cut,
                    SequenceBatch* batch) {
  nn::SequencePlaces& places = batch->places;
  places = {};
  batch->ids.resize(lists.size());
  for (std::vector<uint32_t>& ids : batch->ids) ids.clear();
  batch->read_of.resize(end - begin);
  // Of the row: events before its place. A row that begins another sequence is the first of its rows.
  std::vector<uint32_t> reads(end - begin);
  std::vector<uint8_t> is_last(end - begin, 0);
  size_t last_row = end, most = 0;
  for (size_t row = end; row-- > begin;) {
    const History history(lists, row, longest);
    int64_t n = -1;
    if (last_row < end) {
      const History sequence(lists, last_row, longest);
      n = ReadsOf(history, sequence, most, cut && sequence.length == longest);
    }
    if (n < 0) {
      last_row = row;
      n = static_cast<int64_t>(history.length);
      is_last[row - begin] = 1;
    }
    most = static_cast<size_t>(n);
    reads[row - begin] = static_cast<uint32_t>(n);
  }
  for (size_t first = begin; first < end;) {
    size_t last = first;
    while (is_last[last - begin] == 0) ++last;
    const History history(lists, last, longest);
    AppendIds(history, batch);
    for (uint32_t place = 0; place <= history.length; ++place) places.places.push_back(place);
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
  while (places.size() % multiple != 0) {
    for (std::vector<uint32_t>& ids : batch->ids) ids.push_back(0);
    places.places.push_back(0);
    places.offsets.push_back(static_cast<uint32_t>(places.places.size()));
    places.read_offsets.push_back(places.read_offsets.back());
  }
}

}  // namespace upnext::retrieval
