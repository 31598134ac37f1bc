// [schema] of the project file, and the same text in a log's meta file.
#include <algorithm>
#include <charconv>

#include "base/suggest.h"
#include "schema/schema_rep.h"

namespace upnext::schema {
namespace {

constexpr Entity kAllEntities[] = {Entity::kItem, Entity::kUser, Entity::kRequest};

// Columns and parameters that are no attributes.
std::span<const std::string_view> OtherColumns(Entity entity) {
  static constexpr std::string_view kItems[] = {"item", "file", "filename", "line", "rowid"};
  static constexpr std::string_view kUsers[] = {"user", "file", "filename", "line", "rowid"};
  static constexpr std::string_view kRequests[] = {
      "user",    "item",   "time",     "type",    "value",    "request",   "id",
      "seed",    "file",   "filename", "line",    "n",        "explain",   "filter",
      "boost",   "return", "offset",   "exclude", "score",    "scenario",  "after",
      "weights", "items",  "rows",     "session", "watching", "parameters"};
  switch (entity) {
    case Entity::kItem:
      return kItems;
    case Entity::kUser:
      return kUsers;
    case Entity::kRequest:
      break;
  }
  return kRequests;
}

// "" for a name that may be declared, else what is wrong with it.
std::string WhyNotAName(std::string_view name) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const bool good = !name.empty() && letter(name[0]) && std::ranges::all_of(name, [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_';
  });
  if (!good) return "expected a name of small letters, digits and _ that begins with a letter";
  if (name.size() > kMaxNameBytes) {
    return fmt::format("expected a name of at most {} letters, found {}", kMaxNameBytes,
                       name.size());
  }
  return name.starts_with("upnext_") ? "names that begin with upnext_ are reserved" : "";
}

// A kind as it is written: NAME or NAME(ARGUMENT).
struct WrittenKind {
  Kind kind;
  std::string argument;
};

std::optional<WrittenKind> ParseKind(std::string_view text) {
  const size_t open = std::min(text.find('('), text.size());
  std::string argument(text.substr(open));
  if (!argument.empty()) {
    if (argument.size() < 3 || !argument.ends_with(')')) return std::nullopt;
    argument = argument.substr(1, argument.size() - 2);
  }
  for (int i = 0; i <= static_cast<int>(Kind::kVector); ++i) {
    const auto kind = static_cast<Kind>(i);
    if (KindName(kind) == text.substr(0, open)) return WrittenKind{kind, argument};
  }
  return std::nullopt;
}

bool IsCategorical(Kind kind) { return kind == Kind::kCategory || kind == Kind::kCategories; }

}  // namespace

class SchemaBuilder {
 public:
  Schema Build(const base::ConfigTable& schema) {
    const base::ConfigTable events = schema.Table("events");
    for (const std::string& name : events.Keys()) AddEventType(events, name);
    for (const Entity entity : kAllEntities) {
      const base::ConfigTable table = schema.Table(EntityName(entity));
      for (const std::string& name : table.Keys()) ReadAttribute(table, entity, name);
    }
    for (Declared& declared : declared_) MakeSpace(declared);
    for (const Declared& declared : declared_) AddAttribute(declared);
    Describe();
    rep_->Index();
    return Schema(std::move(rep_));
  }

 private:
  struct Declared {
    base::ConfigTable table;
    Entity entity;
    std::string name;
    WrittenKind written;
    bool owns_space = false;
  };

  void AddEventType(const base::ConfigTable& events, const std::string& name);
  void ReadAttribute(const base::ConfigTable& table, Entity entity, const std::string& name);
  void MakeSpace(Declared& declared);
  void AddAttribute(const Declared& declared);
  void Describe();
  std::optional<IdSpace> SpaceOf(const Declared& declared) const;

  std::shared_ptr<Schema::Rep> rep_ = std::make_shared<Schema::Rep>();
  std::vector<Declared> declared_;
};

void SchemaBuilder::AddEventType(const base::ConfigTable& events, const std::string& name) {
  std::vector<std::string> roles;
  for (int i = 0; i <= static_cast<int>(Role::kContext); ++i) {
    roles.emplace_back(RoleName(static_cast<Role>(i)));
  }
  const auto role_in = [&](const base::ConfigTable& table, std::string_view key) {
    return static_cast<Role>(table.Choice(key, roles, static_cast<size_t>(Role::kContext)));
  };
  EventTypeInfo info = {.name = name, .role = Role::kContext};
  if (events.IsTable(name)) {
    const base::ConfigTable table = events.Table(name);
    if (!table.Has("role")) {
      table.Fail("role",
                 fmt::format("expected one of \"{}\", found none", fmt::join(roles, "\", \"")));
    }
    info.role = role_in(table, "role");
    info.needs_value = table.Bool("value", info.role == Role::kStrength);
  } else {
    info.role = role_in(events, name);
    info.needs_value = info.role == Role::kStrength;
  }
  std::string why = WhyNotAName(name);
  const auto built_in = std::ranges::find(rep_->types, name, &EventTypeInfo::name);
  if (why.empty() && built_in != rep_->types.end()) {
    why = fmt::format("is built in, with the role \"{}\"; remove this line",
                      RoleName(built_in->role));
  }
  if (why.empty() && rep_->types.size() == kMaxEventTypes) {
    why = fmt::format("there can be {} event types, {} of them built in", kMaxEventTypes,
                      kEventTypes - 1);
  }
  if (!why.empty()) return events.Fail(name, std::move(why));
  rep_->types.push_back(std::move(info));
}

void SchemaBuilder::ReadAttribute(const base::ConfigTable& table, Entity entity,
                                  const std::string& name) {
  const std::string text = table.Text(name, "number");
  std::string why = WhyNotAName(name);
  const std::optional<WrittenKind> written = ParseKind(text);
  const std::vector<Attribute>& known = rep_->attributes[static_cast<size_t>(entity)];
  if (!why.empty()) return table.Fail(name, std::move(why));
  if (std::ranges::find(known, name, &Attribute::name) != known.end()) {
    return table.Fail(name, "is built in; remove this line");
  }
  const std::span<const std::string_view> others = OtherColumns(entity);
  if (std::ranges::find(others, name) != others.end()) {
    return table.Fail(name, "is the name of a built-in column; choose another name");
  }
  if (!written) {
    const std::vector<std::string> kinds = {"flag",       "number", "time",       "category",
                                            "categories", "text",   "vector(384)"};
    return table.Fail(
        name, fmt::format("expected one of \"{}\", or category(NAME) to share the ids of NAME, "
                          "found \"{}\"{}",
                          fmt::join(kinds, "\", \""), text, base::DidYouMean(text, kinds)));
  }
  const Kind kind = written->kind;
  if (entity == Entity::kRequest &&
      (kind == Kind::kCategories || kind == Kind::kText || kind == Kind::kVector)) {
    return table.Fail(name, fmt::format("expected \"flag\", \"number\", \"time\" or \"category\", "
                                        "the kinds that attributes of requests can have, found "
                                        "\"{}\"",
                                        text));
  }
  if (!written->argument.empty() && !IsCategorical(kind) && kind != Kind::kVector) {
    return table.Fail(
        name, fmt::format("expected \"{}\" without brackets, found \"{}\"", KindName(kind), text));
  }
  if (declared_.size() == kMaxAttributes) {
    return table.Fail(name, fmt::format("there can be {} declared attributes", kMaxAttributes));
  }
  declared_.push_back({table, entity, name, *written});
}

// A category without a space of another gets one of its own, which has its name.
void SchemaBuilder::MakeSpace(Declared& declared) {
  if (!IsCategorical(declared.written.kind)) return;
  std::string& space = declared.written.argument;
  const auto known = std::ranges::find(rep_->spaces, declared.name);
  if (space.empty() && known != rep_->spaces.end()) {
    return declared.table.Fail(
        declared.name,
        fmt::format("there are ids called \"{0}\" already; write \"{1}({0})\" to share them, or "
                    "choose another name",
                    declared.name, KindName(declared.written.kind)));
  }
  if (space.empty()) space = declared.name;
  if (space != declared.name || known != rep_->spaces.end()) return;
  if (rep_->spaces.size() == kMaxIdSpaces) {
    return declared.table.Fail(declared.name,
                               fmt::format("there can be {} kinds of ids, {} of them built in; let "
                                           "categories share ids, as in \"category(NAME)\"",
                                           kMaxIdSpaces, kIdSpaces));
  }
  rep_->spaces.push_back(space);
}

std::optional<IdSpace> SchemaBuilder::SpaceOf(const Declared& declared) const {
  const auto found = std::ranges::find(rep_->spaces, declared.written.argument);
  if (found != rep_->spaces.end()) return static_cast<IdSpace>(found - rep_->spaces.begin());
  if (!declared.written.argument.empty()) {
    declared.table.Fail(
        declared.name,
        fmt::format("there are no ids called \"{}\"{} (they are {})", declared.written.argument,
                    base::DidYouMean(declared.written.argument, rep_->spaces),
                    fmt::join(rep_->spaces, ", ")));
  }
  return std::nullopt;
}

void SchemaBuilder::AddAttribute(const Declared& declared) {
  Attribute attribute = {.name = declared.name, .kind = declared.written.kind};
  const std::string& argument = declared.written.argument;
  if (IsCategorical(attribute.kind)) {
    const std::optional<IdSpace> space = SpaceOf(declared);
    if (!space) return;
    attribute.space = *space;
  } else if (attribute.kind == Kind::kVector) {
    const auto [end, error] =
        std::from_chars(argument.data(), argument.data() + argument.size(), attribute.width);
    if (error != std::errc() || end != argument.data() + argument.size() || attribute.width < 1 ||
        attribute.width > kMaxWidth) {
      return declared.table.Fail(
          declared.name, fmt::format("expected vector(N) with its number of values N, 1 to {}, "
                                     "found \"vector{}\"",
                                     kMaxWidth, argument.empty() ? "" : "(" + argument + ")"));
    }
  } else if (attribute.kind == Kind::kText) {
    attribute.max_bytes = kMaxTextBytes;
  }
  rep_->attributes[static_cast<size_t>(declared.entity)].push_back(std::move(attribute));
}

void SchemaBuilder::Describe() {
  std::string& text = rep_->declarations;
  for (size_t i = kEventTypes - 1; i < rep_->types.size(); ++i) {
    const EventTypeInfo& type = rep_->types[i];
    text += fmt::format("schema.events.{} = {{ role = \"{}\", value = {} }}\n", type.name,
                        RoleName(type.role), type.needs_value);
  }
  for (const Entity entity : kAllEntities) {
    const std::vector<Attribute>& attributes = rep_->attributes[static_cast<size_t>(entity)];
    for (size_t i = rep_->built_in[static_cast<size_t>(entity)]; i < attributes.size(); ++i) {
      const Attribute& attribute = attributes[i];
      std::string argument;
      if (IsCategorical(attribute.kind)) {
        argument = fmt::format("({})", rep_->spaces[static_cast<size_t>(attribute.space)]);
      } else if (attribute.kind == Kind::kVector) {
        argument = fmt::format("({})", attribute.width);
      }
      text += fmt::format("schema.{}.{} = \"{}{}\"\n", EntityName(entity), attribute.name,
                          KindName(attribute.kind), argument);
    }
  }
}

Schema Schema::FromConfig(const base::ConfigTable& schema) { return SchemaBuilder().Build(schema); }

Result<Schema> Schema::Parse(std::string_view declarations) {
  UPNEXT_ASSIGN_OR_RETURN(const base::Config config,
                          base::Config::Parse(declarations, "declarations"));
  Schema schema = FromConfig(config.Table("schema"));
  UPNEXT_RETURN_IF_ERROR(config.Check());
  return schema;
}

}  // namespace upnext::schema
