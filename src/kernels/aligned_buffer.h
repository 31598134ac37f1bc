// Zeroed memory on cache-line boundaries. Large blocks request huge pages, since each random row of
// a big table costs a TLB miss otherwise.
//
//   AlignedBuffer<float> rows(1'000'000 * 64);
//   rows[7] = 1.0f;
//
// Owns its memory; movable. As thread-safe as an array.
#ifndef UPNEXT_KERNELS_ALIGNED_BUFFER_H_
#define UPNEXT_KERNELS_ALIGNED_BUFFER_H_

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace upnext::kernels {

// Zeroed bytes at a multiple of 64; throws std::bad_alloc as operator new does.
void* AllocateAligned(size_t bytes);
void FreeAligned(void* pointer) noexcept;

template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size)
      : data_(size == 0 ? nullptr : static_cast<T*>(AllocateAligned(size * sizeof(T)))),
        size_(size) {}
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() { FreeAligned(data_); }

  // Allocates at least `size` elements. When the buffer has to grow, its contents are lost.
  void Reserve(size_t size) {
    if (size > size_) *this = AlignedBuffer(size + size / 4);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_ALIGNED_BUFFER_H_
