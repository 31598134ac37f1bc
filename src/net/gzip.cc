#include "net/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <boost/url/grammar/ci_string.hpp>
#include <optional>

namespace upnext::net {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, with gzip's header
constexpr size_t kPiece = 64 << 10;

z_stream StreamOf(std::string_view bytes) {
  z_stream stream = {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads
  stream.avail_in = static_cast<uInt>(bytes.size());
  return stream;
}

// Ends what inflateInit2 began.
struct Inflating {
  z_stream stream;
  explicit Inflating(std::string_view bytes) : stream(StreamOf(bytes)) {
    ready = inflateInit2(&stream, kGzipWindow) == Z_OK;
  }
  ~Inflating() {
    if (ready) inflateEnd(&stream);
  }
  Inflating(const Inflating&) = delete;
  Inflating& operator=(const Inflating&) = delete;
  bool ready;
};

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// "0", "0.", "0.000"
bool IsZero(std::string_view weight) {
  return weight.starts_with('0') && weight.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

Result<std::string> Gunzip(std::string_view bytes, uint64_t most) {
  if (bytes.size() > UINT32_MAX) return ResourceExhausted("a gzip body above 4 GiB");
  Inflating inflating(bytes);
  if (!inflating.ready) return ResourceExhausted("out of memory");
  z_stream& stream = inflating.stream;
  std::string text;
  for (;;) {
    const size_t before = text.size();
    // One byte more than allowed shows that there is more.
    const size_t piece = std::min<uint64_t>(std::max(kPiece, before), most + 1 - before);
    text.resize(before + piece);
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + before);
    stream.avail_out = static_cast<uInt>(piece);
    const int result = inflate(&stream, Z_NO_FLUSH);
    text.resize(text.size() - stream.avail_out);
    if (text.size() > most) {
      return ResourceExhausted("expected a body of at most {} bytes when expanded", most);
    }
    if (result == Z_STREAM_END) {
      if (stream.avail_in == 0) return text;
      if (inflateReset(&stream) == Z_OK) continue;  // another member
    }
    const bool cut =
        result == Z_BUF_ERROR || (result == Z_OK && stream.avail_in == 0 && stream.avail_out > 0);
    if (result == Z_OK && !cut) continue;
    return InvalidArgument("the body is not gzip: {}", cut                     ? "it is cut short"
                                                       : stream.msg != nullptr ? stream.msg
                                                                               : "it is damaged");
  }
}

std::string Gzip(std::string_view text) {
  z_stream stream = StreamOf(text);
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string bytes(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  deflate(&stream, Z_FINISH);  // all at once, since there is room for it
  bytes.resize(stream.total_out);
  deflateEnd(&stream);
  return bytes;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  using boost::urls::grammar::ci_is_equal;
  std::optional<bool> named, any;
  while (!accept_encoding.empty()) {
    const size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view coding = accept_encoding.substr(0, end);
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    const size_t semicolon = std::min(coding.find(';'), coding.size());
    const std::string_view name = Trimmed(coding.substr(0, semicolon));
    const size_t weight = coding.find("q=", semicolon);
    const bool wanted =
        weight == std::string_view::npos || !IsZero(Trimmed(coding.substr(weight + 2)));
    if (ci_is_equal(name, "gzip") || ci_is_equal(name, "x-gzip")) named = wanted;
    if (name == "*") any = wanted;
  }
  return named.value_or(any.value_or(false));
}

}  // namespace upnext::net
