#include "kernels/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace upnext::kernels {
namespace {
constexpr size_t kLine = 64;
constexpr size_t kHugePage = size_t{2} << 20;
}  // namespace

void* AllocateAligned(size_t bytes) {
  const size_t alignment = bytes >= 2 * kHugePage ? kHugePage : kLine;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (rounded < bytes) throw std::bad_alloc();
  void* pointer = std::aligned_alloc(alignment, rounded);
  if (pointer == nullptr) throw std::bad_alloc();
  // Advisory: without huge pages everything works, but slower.
  if (alignment == kHugePage) madvise(pointer, rounded, MADV_HUGEPAGE);
  std::memset(pointer, 0, rounded);
  return pointer;
}

void FreeAligned(void* pointer) noexcept { std::free(pointer); }

}  // namespace upnext::kernels
