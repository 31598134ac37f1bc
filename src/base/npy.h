// Matrices as NumPy writes them, .npy (NEP 1 of NumPy is the format): the form in which vectors come
// from other programs and go to them.
//
//   UPNEXT_RETURN_IF_ERROR(WriteNpy(folder / "items.npy", values, columns));
//   UPNEXT_ASSIGN_OR_RETURN(const NpyMatrix items, ReadNpy(folder / "items.npy"));
//
// No library of Debian reads it safely: xtensor's allocates what the header says and takes a file that
// is too short for its memory.
#ifndef UPNEXT_BASE_NPY_H_
#define UPNEXT_BASE_NPY_H_

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace upnext::base {

struct NpyMatrix {
  size_t rows = 0, columns = 0;
  std::vector<float> values;  // [rows, columns]
};

// A matrix of float32, or of float64, which is rounded; of one row and column at least. Never more
// memory than the file has bytes. kInvalidArgument with what was found in place of it and how to save
// it; and as MappedFile::Open.
Result<NpyMatrix> ReadNpy(const std::filesystem::path& file);
// Of the bytes of a file; `name` stands for it in messages.
Result<NpyMatrix> ParseNpy(std::string_view bytes, std::string_view name);

// `values` [rows, columns]. Version 1.0 of the format, float32.
Status WriteNpy(const std::filesystem::path& file, std::span<const float> values, size_t columns);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_NPY_H_
