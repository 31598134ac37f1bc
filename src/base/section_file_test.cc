#include "base/section_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/checksum.h"
#include "base/test_folder.h"

namespace upnext::base {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void WriteSample(const fs::path& path) {
  Result<SectionWriter> writer = SectionWriter::Create(path, "sample", 3);
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->Add<uint64_t>("counts", std::vector<uint64_t>{1, 2, 3}));
  ASSERT_TRUE(writer->Add<float>("weights", std::vector<float>{0.5f, -1.0f}));
  ASSERT_TRUE(writer->Add<int8_t>("none", std::vector<int8_t>{}));
  ASSERT_TRUE(writer->AddText("report", "fine"));
  ASSERT_TRUE(AddStrings(*writer, "ids", std::vector<std::string>{"alpha", "", "gamma"}));
  ASSERT_TRUE(writer->Commit());
}

// In place: rewriting a damaged file thousands of times would take seconds.
void PutByte(const fs::path& path, size_t offset, char byte) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte).flush();
  ASSERT_TRUE(file.good());
}

void ExpectDataLoss(const fs::path& path) {
  const Result<SectionFile> file = SectionFile::Open(path, "sample", 3);
  ASSERT_FALSE(file);
  ASSERT_EQ(file.error().code, Code::kDataLoss);
  ASSERT_THAT(file.error().message, HasSubstr(path.string()));
}

TEST(SectionFile, ReadsWhatWasWritten) {
  const TestFolder folder;
  WriteSample(folder / "a");
  Result<SectionFile> opened = SectionFile::Open(folder / "a", "sample", 3);
  ASSERT_TRUE(opened) << opened.error().message;
  const SectionFile file = *std::move(opened);  // spans must survive the move
  EXPECT_THAT(file.Get<uint64_t>("counts").value(), ElementsAre(1, 2, 3));
  EXPECT_THAT(file.Get<float>("weights", 2).value(), ElementsAre(0.5f, -1.0f));
  EXPECT_TRUE(file.Get<int8_t>("none").value().empty());
  EXPECT_EQ(file.GetText("report").value(), "fine");
  const StringTable ids = StringTable::Get(file, "ids").value();
  ASSERT_EQ(ids.size(), 3u);
  EXPECT_EQ(ids[0], "alpha");
  EXPECT_EQ(ids[1], "");
  EXPECT_EQ(ids[2], "gamma");
  EXPECT_TRUE(file.Has("ids.bytes"));
  EXPECT_FALSE(file.Has("ids"));
  for (const SectionFile::Section& section : file.sections()) EXPECT_EQ(section.offset % 64, 0u);
}

TEST(SectionFile, EveryFlippedByteIsFoundAndTheFileNamed) {
  const TestFolder folder;
  const fs::path path = folder / "a";
  WriteSample(path);
  const std::string good = ReadFile(path).value();
  for (size_t i = 0; i < good.size(); ++i) {
    for (const int mask : {0x01, 0xff}) {
      PutByte(path, i, static_cast<char>(good[i] ^ mask));
      ExpectDataLoss(path);
      ASSERT_FALSE(HasFatalFailure()) << "byte " << i << " of " << good.size();
    }
    PutByte(path, i, good[i]);
  }
  EXPECT_TRUE(SectionFile::Open(path, "sample", 3));
}

TEST(SectionFile, EveryTruncationAndExtensionIsFound) {
  const TestFolder folder;
  const fs::path path = folder / "a";
  WriteSample(path);
  const size_t whole = fs::file_size(path);
  for (const size_t more : {1u, 64u, 128u}) {
    fs::resize_file(path, whole + more);
    ExpectDataLoss(path);
  }
  for (size_t size = whole; size-- > 0;) {
    fs::resize_file(path, size);
    ExpectDataLoss(path);
    ASSERT_FALSE(HasFatalFailure()) << size << " of " << whole << " bytes";
  }
}

TEST(SectionFile, DamageNamesTheSection) {
  const TestFolder folder;
  WriteSample(folder / "a");
  std::string bytes = ReadFile(folder / "a").value();
  bytes[bytes.find("fine")] = 'F';
  ASSERT_TRUE(WriteFileAtomic(folder / "a", bytes));
  EXPECT_THAT(SectionFile::Open(folder / "a", "sample", 3).error().message,
              HasSubstr("section 'report' is damaged"));
}

// A forger can make every checksum correct, so bounds must be checked independently of them.
class ForgedSectionFile : public testing::Test {
 protected:
  void SetUp() override {
    WriteSample(folder_ / "a");
    bytes_ = ReadFile(folder_ / "a").value();
    std::memcpy(&table_, bytes_.data() + 56, sizeof(table_));
  }
  template <typename T>
  void Put(size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof(value));
  }
  Status OpenForged() {
    const auto view = std::as_bytes(std::span(bytes_));
    Put(72, table_ <= bytes_.size() ? Checksum(view.subspan(table_)) : 0);
    Put(120, Checksum(view.first(120)));
    if (!WriteFileAtomic(folder_ / "a", bytes_)) return Internal("cannot write");
    UPNEXT_RETURN_IF_ERROR(SectionFile::Open(folder_ / "a", "sample", 3));
    return Ok();
  }
  void ExpectRefused(std::string_view word) {
    const Status status = OpenForged();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::kDataLoss);
    EXPECT_THAT(status.error().message, HasSubstr(std::string(word)));
  }
  TestFolder folder_;
  std::string bytes_;
  uint64_t table_ = 0;
};

TEST_F(ForgedSectionFile, UntouchedOneOpens) { EXPECT_TRUE(OpenForged()); }

TEST_F(ForgedSectionFile, OffsetsAndSizesThatOverflowAreRefused) {
  const std::string good = bytes_;
  for (const uint64_t value : {uint64_t{0}, uint64_t{64}, table_, table_ + 64, UINT64_MAX - 63,
                               UINT64_MAX, uint64_t{1} << 63}) {
    for (const size_t field : {size_t{72}, size_t{80}}) {
      bytes_ = good;
      if (field == 80 && value == 0) continue;  // an empty section is valid, its checksum is not
      Put(table_ + field, value);
      ExpectRefused("section 'counts'");
    }
  }
}

TEST_F(ForgedSectionFile, ElementSizeThatDoesNotDivideIsRefused) {
  Put<uint64_t>(table_ + 80, 23);
  ExpectRefused("section 'counts'");
}

TEST_F(ForgedSectionFile, UnknownTypeIsRefused) {
  Put<uint8_t>(table_ + 64, 11);
  ExpectRefused("malformed");
}

TEST_F(ForgedSectionFile, NamesThatRepeatOrDoNotEndAreRefused) {
  const std::string good = bytes_;
  std::memcpy(bytes_.data() + table_ + 128, bytes_.data() + table_, 64);
  ExpectRefused("'counts' occurs twice");
  bytes_ = good;
  std::memset(bytes_.data() + table_, 'x', 64);
  ExpectRefused("malformed");
  bytes_ = good;
  bytes_[table_ + 63] = 'x';  // after the end of the name
  ExpectRefused("malformed");
}

TEST_F(ForgedSectionFile, SectionCountAndTablePlaceMustFit) {
  const std::string good = bytes_;
  for (const uint32_t count : {0u, 1u, 7u, UINT32_MAX}) {
    bytes_ = good;
    Put(52, count);
    ExpectRefused("damaged");
  }
  for (const uint64_t place : {uint64_t{0}, uint64_t{128}, table_ + 1, UINT64_MAX}) {
    bytes_ = good;
    Put(56, place);
    ExpectRefused("damaged");
  }
}

TEST_F(ForgedSectionFile, PaddingMustBeZero) {
  bytes_[128 + 24] = 1;  // behind the three counts
  ExpectRefused("section 'weights' is damaged");
}

TEST(SectionFile, WrongKindAndVersionSayWhatWasExpectedAndFound) {
  const TestFolder folder;
  WriteSample(folder / "a");
  EXPECT_THAT(SectionFile::Open(folder / "a", "other", 3).error().message,
              HasSubstr("expected a file of kind 'other', found 'sample'"));
  EXPECT_THAT(SectionFile::Open(folder / "a", "sample", 4).error().message,
              HasSubstr("expected version 4 of kind 'sample', found 3"));
  EXPECT_EQ(SectionFile::Open(folder / "none", "sample", 3).error().code, Code::kNotFound);
}

TEST(SectionFile, GetSaysWhichSectionIsMissingOrOfAnotherTypeOrLength) {
  const TestFolder folder;
  WriteSample(folder / "a");
  const SectionFile file = SectionFile::Open(folder / "a", "sample", 3).value();
  EXPECT_EQ(file.Get<float>("bias").error().code, Code::kNotFound);
  EXPECT_EQ(file.Get<int32_t>("counts").error().code, Code::kDataLoss);
  EXPECT_THAT(file.Get<int32_t>("counts").error().message,
              HasSubstr("section 'counts' should hold i32, holds u64"));
  EXPECT_EQ(file.Get<uint64_t>("counts", 4).error().code, Code::kDataLoss);
}

TEST(SectionFile, DigestFollowsContentNotPath) {
  const TestFolder folder;
  WriteSample(folder / "a");
  WriteSample(folder / "b");
  EXPECT_EQ(ReadFile(folder / "a").value(), ReadFile(folder / "b").value());
  const uint64_t digest = SectionFile::Open(folder / "a", "sample", 3).value().digest();
  EXPECT_EQ(SectionFile::Open(folder / "b", "sample", 3).value().digest(), digest);
  Result<SectionWriter> writer = SectionWriter::Create(folder / "c", "sample", 3);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->Commit());
  const SectionFile empty = SectionFile::Open(folder / "c", "sample", 3).value();
  EXPECT_TRUE(empty.sections().empty());
  EXPECT_NE(empty.digest(), digest);
}

TEST(SectionWriter, PiecesEqualTheWhole) {
  const TestFolder folder;
  std::vector<uint32_t> values(100'000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint32_t>(i * i);
  Result<SectionWriter> writer = SectionWriter::Create(folder / "a", "sample", 1);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->Begin("values", ElementType::kU32));
  for (size_t i = 0; i < values.size(); i += 333) {
    const auto piece = std::span(values).subspan(i, std::min<size_t>(333, values.size() - i));
    ASSERT_TRUE(writer->Append(std::as_bytes(piece)));
  }
  ASSERT_TRUE(writer->End());
  ASSERT_TRUE(writer->Commit());
  const SectionFile file = SectionFile::Open(folder / "a", "sample", 1).value();
  const std::span<const uint32_t> read = file.Get<uint32_t>("values").value();
  EXPECT_TRUE(std::ranges::equal(read, values));
}

TEST(SectionWriter, RefusesNamesAndOrdersThatNoReaderWouldTake) {
  const TestFolder folder;
  EXPECT_EQ(SectionWriter::Create(folder / "a", std::string(32, 'k'), 1).error().code,
            Code::kInvalidArgument);
  EXPECT_FALSE(SectionWriter::Create(folder / "a", "", 1));
  Result<SectionWriter> writer = SectionWriter::Create(folder / "a", "sample", 1);
  ASSERT_TRUE(writer);
  EXPECT_FALSE(writer->AddText(std::string(64, 'n'), "x"));
  EXPECT_FALSE(writer->AddText("", "x"));
  ASSERT_TRUE(writer->AddText("twice", "x"));
  EXPECT_EQ(writer->AddText("twice", "x").error().code, Code::kInvalidArgument);
  EXPECT_FALSE(writer->Append({}));
  EXPECT_FALSE(writer->End());
  ASSERT_TRUE(writer->Begin("odd", ElementType::kU32));
  EXPECT_FALSE(writer->Commit());
  ASSERT_TRUE(writer->Append(std::vector<std::byte>(3)));
  EXPECT_EQ(writer->End().error().code, Code::kInternal);
}

TEST(SectionWriter, NoFileExistsBeforeCommit) {
  const TestFolder folder;
  {
    Result<SectionWriter> writer = SectionWriter::Create(folder / "a", "sample", 1);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->AddText("text", "x"));
    EXPECT_FALSE(fs::exists(folder / "a"));
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(StringTable, OffsetsThatFallOrLeaveTheBytesAreRefused) {
  const TestFolder folder;
  const std::vector<std::vector<uint64_t>> wrong = {{},     {1, 3},    {0, 4},
                                                    {0, 2}, {0, 5, 3}, {0, UINT64_MAX, 3}};
  for (const std::vector<uint64_t>& offsets : wrong) {
    Result<SectionWriter> writer = SectionWriter::Create(folder / "a", "sample", 1);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->Add("ids.offsets", offsets));
    ASSERT_TRUE(writer->AddText("ids.bytes", "abc"));
    ASSERT_TRUE(writer->Commit());
    const SectionFile file = SectionFile::Open(folder / "a", "sample", 1).value();
    const Result<StringTable> table = StringTable::Get(file, "ids");
    ASSERT_FALSE(table);
    EXPECT_EQ(table.error().code, Code::kDataLoss);
  }
}

}  // namespace
}  // namespace upnext::base
