// A simulated log for tests, written once and read only by SQL, as a user of the files would.
//
//   const TestLog log(options);
//   EXPECT_EQ(log.Number("SELECT count(*) FROM users"), 1200);
#ifndef UPNEXT_SIMULATOR_TEST_LOG_H_
#define UPNEXT_SIMULATOR_TEST_LOG_H_

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/test_folder.h"
#include "import/duckdb.h"
#include "simulator/log_writer.h"

namespace upnext::simulator {

// Tables events, items, users, truth, examination and qualities.
class TestLog {
 public:
  // `log` must enable the truth.
  explicit TestLog(const WorldOptions& options, const LogOptions& log = {.truth = true}) {
    const base::TestFolder folder;
    const auto written = SimulateLog(options, log, folder.path(), base::NoProgress());
    EXPECT_TRUE(written) << written.error().message;
    auto opened = import::Database::Open({});
    EXPECT_TRUE(opened) << opened.error().message;
    database_ = std::make_unique<import::Database>(*std::move(opened));
    for (const char* table : {"events", "items", "users", "truth", "examination", "qualities"}) {
      const std::string files =
          import::QuoteSql((folder / (std::string(table) + "*.parquet")).string());
      const Status made = database_->Run("CREATE TABLE " + std::string(table) +
                                         " AS SELECT * FROM read_parquet(" + files + ")");
      EXPECT_TRUE(made) << made.error().message;
    }
  }
  import::Database& database() const { return *database_; }
  // Rows of numbers: every column of `sql` must be numeric.
  std::vector<std::vector<double>> Rows(const std::string& sql) const {
    std::vector<std::vector<double>> rows;
    const Status done = database_->Query("SELECT COLUMNS(*)::DOUBLE FROM (" + sql + ")",
                                         [&](const import::Chunk& c) {
                                           for (size_t r = 0; r < c.rows(); ++r) {
                                             std::vector<double>& row = rows.emplace_back();
                                             for (size_t k = 0; k < c.columns(); ++k)
                                               row.push_back(c.Values<double>(k)[r]);
                                           }
                                           return Ok();
                                         });
    EXPECT_TRUE(done) << done.error().message;
    return rows;
  }
  double Number(const std::string& sql) const {
    const auto rows = Rows(sql);
    EXPECT_EQ(rows.size(), 1u) << sql;
    return rows.empty() ? std::nan("") : rows[0][0];
  }

 private:
  std::unique_ptr<import::Database> database_;
};

// Compares observed and expected sums per cell by their z-values.
inline void ExpectCalibrated(const TestLog& log, const std::string& sql, size_t cells) {
  const auto rows = log.Rows(sql);  // observed, expected, variance
  EXPECT_EQ(rows.size(), cells);
  double chi = 0;
  for (const auto& row : rows) {
    const double z = (row[0] - row[1]) / std::sqrt(row[2]);
    EXPECT_LT(std::abs(z), 4.2) << row[0] << " instead of " << row[1];
    chi += z * z;
  }
  const double n = static_cast<double>(cells);
  EXPECT_LT(chi, n + 4 * std::sqrt(2 * n));
}

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_TEST_LOG_H_
