// Arrow data of a caller whose own code cannot be its callbacks: an interpreter in which an exception is under way, or
// which has ended. The callbacks are those of the library, and free nothing of the caller's.
//
//   int64_t in_use = 0;
//   LendArray(&array, &in_use);                  an array that lies in the caller's memory
//   MakeStream(schema, &array, &stream);         to be given away; the memory may go once in_use is 0
//
// What is given away may be released on any thread.
#ifndef UPNEXT_API_ARROW_STREAM_H_
#define UPNEXT_API_ARROW_STREAM_H_

#include <cstdint>

#include "base/arrow_c.h"

namespace upnext::api {

// Gives an array and those below it the `release` that they lack. Sets `*in_use`, which must stay as long as they do, to
// the number of these structs, and each release subtracts one.
void LendArray(ArrowArray* array, int64_t* in_use);

// A stream whose only batch is the array. Takes the array over, also when it throws; copies the schema, without metadata.
// May throw std::bad_alloc.
void MakeStream(const ArrowSchema& schema, ArrowArray* array, ArrowArrayStream* out);

}  // namespace upnext::api

#endif  // UPNEXT_API_ARROW_STREAM_H_
