#include "studies/live_engine.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "catalogue/catalogue.h"
#include "log/dictionary.h"
#include "schema/event.h"
#include "simulator/policy.h"
#include "studies/world_names.h"

namespace upnext::studies {
namespace {

using schema::IdSpace;
using simulator::kNoItem;
using simulator::LogRow;

// The naming scheme of a log: the letter, and the minimum number of digits.
struct Naming {
  char letter;
  size_t digits;
  std::string Name(uint32_t number) const {
    const std::string text = std::to_string(number);
    return letter + std::string(digits > text.size() ? digits - text.size() : 0, '0') + text;
  }
};

Naming NamingOf(const log::Dictionary& dictionary, char letter) {
  return {letter, dictionary.size() == 0 ? 1 : dictionary.name(0).size() - 1};
}

}  // namespace

struct LiveEngine::Rep {
  const simulator::World& world;
  LiveEngineOptions options;
  catalogue::Catalogue catalogue;
  serving::Engine engine;
  // By number of the world, and back for items: the catalogue's id, or its name for requests.
  std::vector<std::string> user_names, item_names;
  std::vector<uint32_t> item_ids, item_numbers;
  std::array<uint32_t, simulator::kDevices> devices{};
  std::array<uint32_t, simulator::kRegions> regions{};
  std::array<uint32_t, simulator::kSourceNames.size()> sources{};
  features::StateSpec keeps;
  std::vector<features::UserState> states;  // by user of the world

  Rep(const simulator::World& w, const log::EventLog& log, const bundle::Bundle& bundle,
      const LiveEngineOptions& o)
      : world(w),
        options(o),
        catalogue(log),
        engine(bundle, catalogue, o.engine),
        keeps(bundle.tables().plan.state()) {}

  // The id of a name of the world. Here the world numbers what the log does not have.
  uint32_t IdOf(IdSpace space, std::string_view name);
  Status MapNames();
  void FoldStates(base::ThreadPool& pool);
  schema::Event EventOf(const LogRow& row, const simulator::UserRows& rows) const;
};

uint32_t LiveEngine::Rep::IdOf(IdSpace space, std::string_view name) {
  const uint32_t known = catalogue.Find(space, name);
  if (known != schema::kNone) return known;
  const uint32_t id = catalogue.size(space);
  catalogue.Add(space, name, id);
  return id;
}

// Every item of the world gets its id now, in order, so that ids do not depend on who comes first.
Status LiveEngine::Rep::MapNames() {
  const log::EventLog& log = catalogue.log();
  const Naming users = NamingOf(log.dictionary(IdSpace::kUser), 'u');
  const Naming items = NamingOf(log.dictionary(IdSpace::kItem), 'v');
  const simulator::Catalogue& truth = world.catalogue();
  for (uint32_t user = 0; user < world.options().users; ++user) {
    user_names.push_back(users.Name(user));
  }
  for (uint32_t id = 0; id < log.items(); ++id) {
    const std::string_view name = log.dictionary(IdSpace::kItem).name(id);
    const uint32_t number = NumberOfName(name);
    if (number >= truth.size() || log.item(id).created_ms != truth.item(number).created_ms) {
      return FailedPrecondition(
          "{}: item {} is not among the world's {}, or was uploaded at another time; pass the "
          "world "
          "that made this log",
          log.directory().string(), name, truth.size());
    }
  }
  for (uint32_t item = 0; item < truth.size(); ++item) {
    item_names.push_back(items.Name(item));
    item_ids.push_back(IdOf(IdSpace::kItem, item_names.back()));
    if (item_numbers.size() <= item_ids.back()) item_numbers.resize(item_ids.back() + 1, kNoItem);
    item_numbers[item_ids.back()] = item;
  }
  for (size_t d = 0; d < devices.size(); ++d) {
    devices[d] = IdOf(IdSpace::kDevice, simulator::kDeviceNames[d]);
  }
  for (size_t r = 0; r < regions.size(); ++r) {
    regions[r] = IdOf(IdSpace::kRegion, simulator::kRegionTable[r].name);
  }
  for (size_t s = 0; s < sources.size(); ++s) {
    const std::string_view name = simulator::kSourceNames[s];
    sources[s] = name.empty() ? schema::kNone : IdOf(IdSpace::kSource, name);
  }
  return Ok();
}

void LiveEngine::Rep::FoldStates(base::ThreadPool& pool) {
  const log::EventLog& log = catalogue.log();
  states.resize(world.options().users, features::UserState(keeps));
  pool.ParallelFor(states.size(), 64, [&](size_t begin, size_t end) {
    for (size_t user = begin; user < end; ++user) {
      const uint32_t id = log.dictionary(IdSpace::kUser).Find(user_names[user]);
      if (id == schema::kNone) continue;
      for (uint64_t row = log.begin(id); row < log.end(id); ++row) {
        if (log.time_ms(row) >= options.states_until_ms) break;
        states[user].ApplyRow(row, catalogue, options.rule);
      }
    }
  });
}

schema::Event LiveEngine::Rep::EventOf(const LogRow& row, const simulator::UserRows& rows) const {
  schema::Event event;
  event.time_ms = row.time_ms;
  event.type = row.type;
  if (row.item != kNoItem) event.item = item_ids[row.item];
  event.value = row.value;
  if (row.query != simulator::kNoQuery) {
    event.query = catalogue.Find(IdSpace::kQuery, rows.queries[row.query]);
  }
  event.position = row.position;
  event.source = sources[static_cast<size_t>(row.source)];
  event.source_score = row.source_score;
  event.device = devices[static_cast<size_t>(row.device)];
  event.region = regions[row.region];
  if (row.current_item != kNoItem) event.current_item = item_ids[row.current_item];
  event.off_site = row.off_site;
  return event;
}

LiveEngine::LiveEngine(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
LiveEngine::~LiveEngine() = default;

Result<std::unique_ptr<LiveEngine>> LiveEngine::Make(const simulator::World& world,
                                                     const log::EventLog& log,
                                                     const bundle::Bundle& bundle,
                                                     const LiveEngineOptions& options,
                                                     base::ThreadPool& pool) {
  if (!(options.explore >= 0 && options.explore <= 1)) {
    return InvalidArgument("explore: expected a share in [0, 1], found {}", options.explore);
  }
  auto rep = std::make_unique<Rep>(world, log, bundle, options);
  UPNEXT_RETURN_IF_ERROR(rep->MapNames());
  rep->FoldStates(pool);
  return std::unique_ptr<LiveEngine>(new LiveEngine(std::move(rep)));
}

Status LiveEngine::Recommend(const simulator::SlateRequest& request, base::Rng& rng,
                             std::vector<simulator::ShownItem>& slate) {
  const Rep& rep = *rep_;
  if (rng.Uniform() < rep.options.explore) {
    const uint32_t existing = rep.world.catalogue().CountAt(request.time_ms);
    simulator::DrawRandomSlate(existing, request.current_item,
                               std::min<size_t>(request.size, existing / 5), rng, slate);
    return Ok();
  }
  const serving::Request asked{
      .user = rep.user_names[request.user.id],
      .n = request.size,
      .device = simulator::kDeviceNames[static_cast<size_t>(request.device)],
      .region = std::string(simulator::kRegionTable[request.user.region].name),
      .current_item =
          request.current_item == kNoItem ? std::string() : rep.item_names[request.current_item],
      .time_ms = request.time_ms,
      .stage = rep.options.stage};
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate answer,
                          rep.engine.Recommend(rep.states[request.user.id], asked));
  slate.clear();
  for (const serving::Recommendation& item : answer.items) {
    const serving::SourceScore& first = item.sources.front();
    slate.push_back(simulator::ShownBy(first.source, rep.item_numbers[item.item], 1.0,
                                       static_cast<float>(first.score)));
  }
  return Ok();
}

Status LiveEngine::Observe(const simulator::UserRows& rows) {
  for (const LogRow& row : rows.rows) {
    rep_->states[row.user].Apply(rep_->EventOf(row, rows), rep_->catalogue, rep_->options.rule);
  }
  return Ok();
}

const features::UserState& LiveEngine::state(uint32_t user) const { return rep_->states[user]; }

Result<std::unique_ptr<bundle::Bundle>> OpenBundleOf(const bundle::Parts& parts,
                                                     const log::EventLog& log,
                                                     const std::filesystem::path& folder) {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  bundle::Manifest manifest;
  manifest.log_version = log.directory().filename().string();
  UPNEXT_RETURN_IF_ERROR(bundle::WriteBundle(folder, parts, &manifest));
  return bundle::Bundle::Open(folder, log.lineage());
}

}  // namespace upnext::studies
