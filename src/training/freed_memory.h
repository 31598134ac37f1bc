// Returns freed memory to the system between the steps of a training.
#ifndef UPNEXT_TRAINING_FREED_MEMORY_H_
#define UPNEXT_TRAINING_FREED_MEMORY_H_

#include <malloc.h>

namespace upnext::training {

// The allocator keeps what was freed in small pieces; models and lists of neighbours are allocated
// in large ones, so what it keeps would only add to them.
inline void ReturnFreedMemory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_FREED_MEMORY_H_
