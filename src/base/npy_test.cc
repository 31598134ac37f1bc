#include "base/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"

namespace upnext::base {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string NpyOf(int version, const std::string& header, const std::string& numbers) {
  std::string bytes = "\x93NUMPY";
  bytes.append({static_cast<char>(version), '\0'});
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    bytes += static_cast<char>(header.size() >> (8 * i));
  }
  return bytes + header + numbers;
}

const std::string kSixFloats = BytesOf<float>({1, 2, 3, 4, 5, -.5f});
constexpr char kSixHeader[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }   \n";

// What the reader says that it found.
std::string FoundIn(const std::string& bytes) {
  const auto matrix = ParseNpy(bytes, "items.npy");
  if (matrix) return "a matrix";
  EXPECT_EQ(matrix.error().code, Code::kInvalidArgument);
  const std::string& message = matrix.error().message;
  EXPECT_THAT(message, HasSubstr("items.npy: expected a matrix of float32"));
  EXPECT_THAT(message, HasSubstr("numpy.save(path, numpy.ascontiguousarray("));
  const size_t begin = message.find("found ") + 6;
  return message.substr(begin, message.find("; save") - begin);
}

TEST(Npy, WhatIsWrittenIsReadAgain) {
  const TestFolder folder;
  const std::vector<float> values = {0, 0, 0, 1.5f, -2, 3e-20f};
  ASSERT_TRUE(WriteNpy(folder.path() / "items.npy", values, 3));
  const auto matrix = ReadNpy(folder.path() / "items.npy");
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_EQ(matrix->rows, 2u);
  EXPECT_EQ(matrix->columns, 3u);
  EXPECT_EQ(matrix->values, values);
  const std::string bytes = ReadFile(folder.path() / "items.npy").value();
  EXPECT_EQ((bytes.size() - values.size() * sizeof(float)) % 64, 0u) << "numbers are aligned";
  EXPECT_EQ(ReadNpy(folder.path() / "none.npy").error().code, Code::kNotFound);
}

TEST(Npy, ReadsBothVersionsAndWhateverOrderTheKeysHave) {
  for (const std::string& header :
       {std::string(kSixHeader),
        std::string("{'shape':(3,2),'descr':\"<f4\",'fortran_order':False}")}) {
    for (const int version : {1, 2}) {
      const auto matrix = ParseNpy(NpyOf(version, header, kSixFloats), "items.npy");
      ASSERT_TRUE(matrix) << matrix.error().message;
      EXPECT_EQ(matrix->rows, 3u);
      EXPECT_EQ(matrix->columns, 2u);
      EXPECT_THAT(matrix->values, ElementsAre(1, 2, 3, 4, 5, -.5f));
    }
  }
  const std::string doubles = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3), }";
  const auto rounded = ParseNpy(NpyOf(1, doubles, BytesOf<double>({1e300, .1, -2})), "items.npy");
  ASSERT_TRUE(rounded) << rounded.error().message;
  EXPECT_THAT(rounded->values, ElementsAre(INFINITY, .1f, -2));
}

TEST(Npy, WhatIsNoMatrixIsNamed) {
  const std::string header = kSixHeader;
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string with = header;
    with.replace(with.find(from), from.size(), to);
    return FoundIn(NpyOf(1, with, kSixFloats));
  };
  EXPECT_EQ(changed("(3, 2)", "(3, 2,)"), "a matrix");
  EXPECT_EQ(FoundIn(""), "another format");
  EXPECT_EQ(FoundIn("item,x,y\n"), "another format");
  EXPECT_EQ(FoundIn("\x93NUMPY\x01"), "another format");
  EXPECT_EQ(FoundIn(NpyOf(3, header, kSixFloats)), "version 3 of it, of which 1 and 2 are read");
  EXPECT_EQ(changed("<f4", "<i8"), "numbers of '<i8'");
  EXPECT_EQ(changed("<f4", ">f4"), "numbers of '>f4'");
  EXPECT_EQ(changed("<f4", "\x1b[2J"), "numbers of another type");
  EXPECT_EQ(changed("False", "True"), "one that is stored by columns (fortran_order)");
  EXPECT_EQ(changed("(3, 2)", "(6,)"), "an array of 1 dimensions");
  EXPECT_EQ(changed("(3, 2)", "()"), "an array of 0 dimensions");
  EXPECT_EQ(changed("(3, 2)", "(1, 3, 2)"), "an array of 3 dimensions");
  EXPECT_EQ(changed("(3, 2)", "(4, 2)"), "24 bytes of numbers for the shape [4, 2]");
  EXPECT_EQ(changed("(3, 2)", "(2, 2)"), "24 bytes of numbers for the shape [2, 2]");
  EXPECT_EQ(changed("(3, 2)", "(0, 2)"), "24 bytes of numbers for the shape [0, 2]");
  EXPECT_EQ(changed("(3, 2)", "(6, 0)"), "24 bytes of numbers for the shape [6, 0]");
  // Products that are 6 modulo 2^64, and more than any memory.
  EXPECT_THAT(changed("(3, 2)", "(9223372036854775811, 2)"), HasSubstr("24 bytes of numbers"));
  EXPECT_THAT(changed("(3, 2)", "(2, 9223372036854775811)"), HasSubstr("24 bytes of numbers"));
  EXPECT_THAT(changed("(3, 2)", "(1000000000, 1000000000)"), HasSubstr("24 bytes of numbers"));
  const std::string other = "a header that is not of one array of numbers";
  EXPECT_EQ(changed("(3, 2)", "(-3, 2)"), other);
  EXPECT_EQ(changed("(3, 2)", "(99999999999999999999, 2)"), other);
  EXPECT_EQ(changed("'<f4'", "[('x', '<f4')]"), other);
  EXPECT_EQ(changed("'shape': (3, 2)", "'size': 6"), other);
  EXPECT_EQ(changed("'descr': '<f4', ", ""), other);
}

TEST(Npy, AFileThatEndsEarlyIsRefused) {
  const std::string whole = NpyOf(2, kSixHeader, kSixFloats);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(FoundIn(whole.substr(0, size)), "a matrix") << size;
  }
  EXPECT_EQ(FoundIn(whole), "a matrix");
  // A header that says that it is 4 bytes longer than the file, and a shape of 2^64 - 4 bytes.
  const std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387903, 1)}";
  std::string longer = NpyOf(1, header, "");
  longer[8] = static_cast<char>(longer[8] + 4);
  EXPECT_EQ(FoundIn(longer), "a header that is not of one array of numbers");
  EXPECT_EQ(FoundIn(whole + '\0'), "25 bytes of numbers for the shape [3, 2]");
}

}  // namespace
}  // namespace upnext::base
