#include "import/row_cells.h"

#include <algorithm>

namespace upnext::import {
namespace {

using schema::Kind;

struct KeyColumn {
  std::string_view table, name;
  schema::IdSpace space;
};

KeyColumn KeyOf(schema::Entity entity) {
  if (entity == schema::Entity::kItem) return {"in_items", "item", schema::IdSpace::kItem};
  return {"in_users", "user", schema::IdSpace::kUser};
}

}  // namespace

Status AddNames(WatchedDatabase& db, const schema::Schema& schema, schema::Entity entity,
                ImportNames& names) {
  const KeyColumn key = KeyOf(entity);
  std::string columns = fmt::format("\"{}\"", key.name);
  std::vector<const schema::Attribute*> categories;
  for (const schema::Attribute& attribute : schema.attributes(entity)) {
    if (attribute.kind != Kind::kCategory && attribute.kind != Kind::kCategories) continue;
    categories.push_back(&attribute);
    columns += fmt::format(", \"{}\"", attribute.name);
  }
  const auto space = [&](schema::IdSpace id) -> NameTable& {
    return names[static_cast<size_t>(id)];
  };
  return db.database().Query(
      fmt::format("SELECT {} FROM {} WHERE upnext_reason IS NULL", columns, key.table),
      [&](const Chunk& chunk) -> Status {
        for (size_t row = 0; row < chunk.rows(); ++row) {
          space(key.space).Add(chunk.Text(0, row));
          for (size_t i = 0; i < categories.size(); ++i) {
            if (!chunk.valid(i + 1, row)) continue;
            NameTable& table = space(categories[i]->space);
            if (categories[i]->kind == Kind::kCategory) {
              table.Add(chunk.Text(i + 1, row));
              continue;
            }
            for (const std::string_view name : chunk.TextList(i + 1, row)) table.Add(name);
          }
        }
        return Ok();
      });
}

RowCells::RowCells(const schema::Schema& schema, schema::Entity entity, const ImportNames& names,
                   const std::vector<std::vector<uint32_t>>& ids)
    : entity_(entity),
      attributes_(schema.attributes(entity)),
      names_(names),
      ids_(ids),
      cells_(attributes_.size()),
      lists_(attributes_.size()) {}

std::string RowCells::Sql() const {
  const KeyColumn key = KeyOf(entity_);
  std::string columns;
  for (const schema::Attribute& attribute : attributes_) {
    columns += fmt::format(", \"{}\"", attribute.name);
  }
  return fmt::format(
      "SELECT \"{0}\"{1} FROM {2} WHERE upnext_reason IS NULL ORDER BY strlen(\"{0}\"), \"{0}\"",
      key.name, columns, key.table);
}

uint32_t RowCells::IdOf(schema::IdSpace space, std::string_view name) const {
  const auto index = static_cast<size_t>(space);
  return ids_[index][names_[index].Find(name)];
}

uint32_t RowCells::Id(const Chunk& chunk, size_t row) const {
  return IdOf(KeyOf(entity_).space, chunk.Text(0, row));
}

void RowCells::Set(const Chunk& chunk, size_t column, size_t row, uint32_t attribute) {
  schema::AttributeCell& cell = cells_[attribute];
  const schema::IdSpace space = attributes_[attribute].space;
  switch (attributes_[attribute].kind) {
    case Kind::kFlag:
      cell.value.number = chunk.Values<bool>(column)[row] ? 1 : 0;
      break;
    case Kind::kNumber:
      cell.value.number = chunk.Values<float>(column)[row];
      break;
    case Kind::kTime:
      cell.value.time_ms = chunk.Values<int64_t>(column)[row];
      break;
    case Kind::kCategory:
      cell.value.category = IdOf(space, chunk.Text(column, row));
      break;
    case Kind::kCategories: {
      std::vector<uint32_t>& list = lists_[attribute];
      list.clear();
      for (const std::string_view name : chunk.TextList(column, row)) {
        const uint32_t id = IdOf(space, name);
        if (std::ranges::find(list, id) == list.end()) list.push_back(id);
      }
      cell.categories = list;
      break;
    }
    case Kind::kText:
      cell.text = chunk.Text(column, row);
      break;
    case Kind::kVector:
      cell.vector = chunk.List<float>(column, row);
      break;
  }
}

std::span<const schema::AttributeCell> RowCells::Of(const Chunk& chunk, size_t row) {
  cells_.assign(cells_.size(), {});
  for (uint32_t attribute = 0; attribute < cells_.size(); ++attribute) {
    const size_t column = attribute + size_t{1};
    if (chunk.valid(column, row)) Set(chunk, column, row, attribute);
  }
  return cells_;
}

}  // namespace upnext::import
