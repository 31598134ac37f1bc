#include "api/run_options.h"

#include <string>
#include <utility>

namespace upnext::api {

RunOptions RunOptions::FromConfig(const base::Config& config, const std::filesystem::path& folder) {
  const base::ConfigTable run = config.Table("run");
  const auto schedule = [&](std::string_view key) {
    Result<base::Schedule> parsed = base::Schedule::Parse(run.Text(key, "never"));
    if (parsed) return *std::move(parsed);
    run.Fail(key, parsed.error().message);
    return base::Schedule();
  };
  RunOptions options{.import = schedule("import"),
                     .train = schedule("train"),
                     .from_store = run.Bool("from_store", false),
                     .inbox = {},
                     .project_folder = folder};
  if (const std::string inbox = run.Text("inbox", ""); !inbox.empty()) {
    options.inbox = folder / inbox;  // an absolute path stays as it is
  }
  return options;
}

}  // namespace upnext::api
