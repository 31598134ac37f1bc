// A project in a test's folder: its file, its options, and logs.
//
//   std::optional<project::Project> project;
//   Options options;
//   LoadProject(folder_.path(), kToml, &project, &options);
//   PublishLog(*project, events, items, users);                the current version from now on
#ifndef UPNEXT_TRAINING_TEST_PROJECT_H_
#define UPNEXT_TRAINING_TEST_PROJECT_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/versioned_root.h"
#include "log/event_log.h"
#include "project/project.h"
#include "schema/raw_event.h"
#include "training/options.h"

namespace upnext::training {

// Models that are trained in a moment, for a project file.
inline constexpr char kSmallModels[] = R"toml(
[retrieval]
dim = 8
depth = 1
batch = 16
negatives = 0
epochs = 2
[ranking]
widths = [8]
batch = 16
epochs = 2
)toml";

// Writes `toml` to folder/site.toml; the project's own folder is folder/project.
inline void LoadProject(const std::filesystem::path& folder, std::string_view toml,
                        std::optional<project::Project>* project, Options* options) {
  const std::filesystem::path file = folder / "site.toml";
  ASSERT_TRUE(base::WriteFileAtomic(file, toml));
  auto loaded = project::Project::Load({.config = file, .directory = folder / "project"});
  ASSERT_TRUE(loaded) << loaded.error().message;
  *project = *std::move(loaded);
  *options = Options::FromConfig((*project)->config());
  const Status valid = (*project)->config().Check();
  ASSERT_TRUE(valid) << valid.error().message;
}

inline void PublishLog(const project::Project& project, const std::vector<schema::RawEvent>& events,
                       const std::vector<schema::RawItem>& items,
                       const std::vector<schema::RawUser>& users) {
  base::VersionedRoot logs = project.logs();
  const auto staged = logs.Begin();
  ASSERT_TRUE(staged) << staged.error().message;
  const Status written = log::WriteEventLog(*staged, events, items, users);
  ASSERT_TRUE(written) << written.error().message;
  const auto version = logs.Publish(*staged);
  ASSERT_TRUE(version && logs.SetCurrent(*version));
}

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_TEST_PROJECT_H_
