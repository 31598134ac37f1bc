#include "features/feature_compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "features/expression_names.h"

namespace upnext::features {

using schema::Entity;
using schema::IdSpace;
using schema::Kind;
using Code = NumberOp::Code;

namespace {

constexpr uint32_t kMaxHats = 256, kMaxFloats = 4096;

bool IsOfItem(const AttributePath& path) {
  return path.entity == Entity::kItem && path.attribute != kItself && path.through == kItself;
}

// What history(EVENTS, type, N) and history(EVENTS, share, N) list in place of an attribute.
CategoryOp::Says SaysOf(const Expression& expression) {
  if (expression.kind != Expression::Kind::kName) return CategoryOp::Says::kId;
  return expression.name == "type"    ? CategoryOp::Says::kType
         : expression.name == "share" ? CategoryOp::Says::kShare
                                      : CategoryOp::Says::kId;
}

// Whether the catalogue alone says it of an item.
bool IsContent(const Feature& feature) {
  if (feature.kind == FeatureKind::kContinuous) {
    const Code code = feature.number.code;
    return (code == Code::kNumber || code == Code::kGivenVector) && IsOfItem(feature.number.path);
  }
  return std::ranges::all_of(feature.category.paths, IsOfItem) &&
         std::ranges::all_of(feature.category.others, IsOfItem);
}

}  // namespace

uint32_t FeatureNeeds::Vocabulary(const VocabularyPlan& vocabulary) {
  auto found = std::ranges::find(vocabularies, vocabulary.name, &VocabularyPlan::name);
  if (found == vocabularies.end()) {
    vocabularies.push_back(vocabulary);
    return static_cast<uint32_t>(vocabularies.size() - 1);
  }
  for (const auto& path : vocabulary.paths) {
    if (std::ranges::find(found->paths, path) == found->paths.end()) found->paths.push_back(path);
  }
  return static_cast<uint32_t>(found - vocabularies.begin());
}

Compiled<Feature> FeatureCompiler::Compile(const Declaration& declaration) {
  UPNEXT_ASSIGN_OR_RETURN(const Expression expression, ParseExpression(declaration.from));
  UPNEXT_ASSIGN_OR_RETURN(Feature feature, Any(expression));
  if (model_ == Model::kRetrieval && feature.side == Side::kImpression && !IsContent(feature)) {
    return Wrong(
        expression,
        "the candidate model has one vector for an item, whoever asks and whenever: expected "
        "attributes of the item alone (item.channel, tokens(item.title, ROWS), "
        "cross(item.channel, item.language, ROWS), vector(item.NAME)); declare it for ranking");
  }
  if (feature.kind != FeatureKind::kContinuous &&
      feature.category.code == CategoryOp::Code::kCross) {
    feature.vocabulary = needs_.Vocabulary({.name = "cross." + declaration.name,
                                            .space = IdSpace::kItem,
                                            .counts = VocabularyPlan::Counts::kHashed,
                                            .paths = {},
                                            .rows = feature.category.rows});
  }
  feature.name = declaration.name;
  feature.from = ToText(expression);
  feature.help = declaration.help;
  return feature;
}

Compiled<Feature> FeatureCompiler::Any(const Expression& expression) {
  if (expression.kind == Expression::Kind::kName) return Path(expression);
  if (expression.kind == Expression::Kind::kChain) return Else(expression);
  if (expression.kind == Expression::Kind::kNumber) {
    return Wrong(expression, "expected a feature, found a number");
  }
  const std::string& name = expression.name;
  if (name == "history" || name == "last") return BagOf(expression, /*sorted=*/false);
  if (name == "sorted") {
    UPNEXT_RETURN_IF_ERROR(CheckArguments(expression, 1, 1, "sorted(history(...))"));
    return BagOf(expression.arguments[0], /*sorted=*/true);
  }
  if (name == "tokens") return Tokens(expression);
  if (name == "cross") return Cross(expression);
  if (name == "match" || name == "overlap") return Match(expression);
  if (name == "age" || name == "hour" || name == "weekday") return Time(expression);
  if (name == "limit") return Limited(expression);
  if (name == "plain" || name == "hats") return Encoded(expression);
  if (name == "vector") return Vector(expression);
  const bool everybody = name == "everybody";
  if (everybody) UPNEXT_RETURN_IF_ERROR(CheckArguments(expression, 1, 1, "everybody(count(...))"));
  const Expression& call = everybody ? expression.arguments[0] : expression;
  if (call.kind == Expression::Kind::kCall) {
    if (call.name == "count" || (call.name == "since" && !everybody)) {
      return Counted(call, everybody);
    }
    if (call.name == "mean") return Mean(call, everybody);
    if (call.name == "rate") return Rate(call, everybody);
  }
  if (everybody) return Wrong(call, "expected count(...), mean(...) or rate(...) of everybody");
  return Wrong(expression, UnknownFunction(name));
}

IdSpace FeatureCompiler::SpaceOf(const AttributePath& path) const {
  if (path.attribute == kItself) return IdSpace::kItem;
  return schema_.attributes(path.entity)[path.attribute].space;
}

Side FeatureCompiler::SideOf(const AttributePath& path) const {
  if (path.through != kItself) return Side::kQuery;
  const bool source = path.entity == Entity::kRequest &&
                      path.attribute == static_cast<uint32_t>(RequestAttribute::kSource);
  return path.entity == Entity::kItem || source || IsSourceScore(path) ? Side::kImpression
                                                                       : Side::kQuery;
}

uint32_t FeatureCompiler::VocabularyOf(IdSpace space, std::vector<AttributePath> path) {
  if (space == IdSpace::kItem) {
    const bool ranked = model_ == Model::kRanking;
    return needs_.Vocabulary(
        {.name = std::string(ranked ? kRankedItemVocabulary : kItemVocabulary),
         .space = space,
         .counts = ranked ? VocabularyPlan::Counts::kClicked : VocabularyPlan::Counts::kPositives,
         .paths = {}});
  }
  return needs_.Vocabulary(
      {.name = SpaceVocabulary(schema_, space), .space = space, .paths = {std::move(path)}});
}

Compiled<AttributePath> FeatureCompiler::Attribute(const Expression& expression) const {
  return ResolveAttribute(schema_, expression);
}

Compiled<AttributePath> FeatureCompiler::Category(const Expression& expression) const {
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath path, Attribute(expression));
  if (path.kind == Kind::kCategory || path.kind == Kind::kCategories) return path;
  return Wrong(expression,
               fmt::format("'{}' should be of kind category or categories", expression.name));
}

Compiled<Feature> FeatureCompiler::Path(const Expression& expression) {
  if (expression.name == "example_age") {
    if (model_ == Model::kRetrieval) {
      return NumberFeature({.code = Code::kExampleAge}, Side::kQuery);
    }
    return Wrong(expression, "only the candidate model learns from examples of an age");
  }
  if (expression.name == kRetrievalScore) {
    UPNEXT_RETURN_IF_ERROR(CheckReference(expression));
    return NumberFeature({.code = Code::kRetrievalScore}, Side::kImpression);
  }
  if (expression.name == kUserVector) {
    return Wrong(expression,
                 fmt::format("'{0}' is a vector: use vector({0}, N), with the N numbers "
                             "of [retrieval] dim",
                             kUserVector));
  }
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath path, Attribute(expression));
  UPNEXT_RETURN_IF_ERROR(CheckKnownAtRequest(path, expression));
  switch (path.kind) {
    case Kind::kFlag:
    case Kind::kNumber:
      return NumberFeature(
          {.code = IsSourceScore(path) ? Code::kSourceScore : Code::kNumber, .path = path},
          SideOf(path));
    case Kind::kCategory:
    case Kind::kCategories:
      return CategoryFeature({.code = CategoryOp::Code::kPath, .paths = {path}},
                             path.kind == Kind::kCategories, SideOf(path),
                             VocabularyOf(SpaceOf(path), {path}));
    case Kind::kTime:
      if (model_ == Model::kRetrieval && IsOfItem(path)) {
        return Wrong(expression,
                     fmt::format("'{0}' is a time, but the candidate model has one vector for an "
                                 "item, whenever it is used: declare age({0}) for ranking, or give "
                                 "items a number in [schema.items], such as the year",
                                 expression.name));
      }
      return Wrong(expression, fmt::format("'{0}' is a time: use age({0}), the days since then",
                                           expression.name));
    case Kind::kText:
    case Kind::kVector:
      break;
  }
  return Wrong(
      expression,
      fmt::format("'{0}' is a text or a vector: tokens({0}, ROWS) reads the words of a text, "
                  "vector({0}) the numbers of a vector",
                  expression.name));
}

Compiled<void> FeatureCompiler::CheckReference(const Expression& expression) const {
  if (model_ == Model::kRetrieval) {
    return Wrong(expression,
                 fmt::format("'{}' comes from a candidate model, so it is a feature of the ranker "
                             "alone; declare it for ranking",
                             expression.name));
  }
  const std::string_view name = std::string_view(expression.name).substr(kRequestPrefix.size());
  if (!schema_.FindAttribute(Entity::kRequest, name)) return {};
  return Wrong(expression,
               fmt::format("'{}' would be both the reference candidate model's and that "
                           "of [schema.requests]; rename the declared attribute",
                           expression.name));
}

Compiled<Feature> FeatureCompiler::Vector(const Expression& call) {
  if (call.arguments.size() != 1 || call.arguments[0].name == kUserVector) return UserVector(call);
  const Expression& of = call.arguments[0];
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath path, Attribute(of));
  if (path.kind != Kind::kVector) {
    return Wrong(
        of,
        fmt::format("expected a vector of items or users, such as item.NAME, found '{}'", of.name));
  }
  const uint32_t floats = schema_.attributes(path.entity)[path.attribute].width;
  return NumberFeature({.code = Code::kGivenVector,
                        .path = path,
                        .encoding = NumberOp::Encoding::kVector,
                        .floats = floats},
                       SideOf(path));
}

Compiled<Feature> FeatureCompiler::UserVector(const Expression& call) {
  const std::string form = fmt::format("vector({}, N)", kUserVector);
  UPNEXT_RETURN_IF_ERROR(CheckArguments(call, 2, 2, form));
  const Expression& vector = call.arguments[0];
  if (vector.kind != Expression::Kind::kName || vector.name != kUserVector) {
    return Wrong(vector, fmt::format("expected {}", kUserVector));
  }
  UPNEXT_RETURN_IF_ERROR(CheckReference(vector));
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t floats, WholeIn(call.arguments[1], 1, kMaxFloats));
  if (needs_.user_vector_floats != 0 && needs_.user_vector_floats != floats) {
    return Wrong(call.arguments[1], fmt::format("expected {} as in another feature, found {}",
                                                needs_.user_vector_floats, floats));
  }
  needs_.user_vector_floats = floats;
  return NumberFeature(
      {.code = Code::kUserVector, .encoding = NumberOp::Encoding::kVector, .floats = floats},
      Side::kQuery);
}

Compiled<Feature> FeatureCompiler::Else(const Expression& expression) {
  CategoryOp op{.code = CategoryOp::Code::kPath};
  Side side = Side::kQuery;
  for (const std::string& word : expression.words) {
    if (word != "else") return Wrong(expression, fmt::format("'{}' joins events only", word));
  }
  for (const Expression& operand : expression.arguments) {
    UPNEXT_ASSIGN_OR_RETURN(const AttributePath path, Category(operand));
    UPNEXT_RETURN_IF_ERROR(CheckKnownAtRequest(path, operand));
    if (!op.paths.empty() && SpaceOf(path) != SpaceOf(op.paths[0])) {
      return Wrong(operand, "expected attributes of one id space on both sides of 'else'");
    }
    op.paths.push_back(path);
    side = std::max(side, SideOf(path));
  }
  const bool list = std::ranges::any_of(
      op.paths, [](const AttributePath& path) { return path.kind == Kind::kCategories; });
  const uint32_t vocabulary = VocabularyOf(SpaceOf(op.paths[0]), op.paths);
  return CategoryFeature(std::move(op), list, side, vocabulary);
}

Compiled<CategoryOp> FeatureCompiler::Bag(const Expression& call, bool sorted,
                                          AttributePath* path) {
  const bool last = call.name == "last";
  if (call.kind != Expression::Kind::kCall || (call.name != "history" && (!last || sorted))) {
    return Wrong(call, "expected history(EVENTS, ATTRIBUTE, N)");
  }
  UPNEXT_RETURN_IF_ERROR(CheckArguments(
      call, last ? 2 : 3, last ? 2 : 4,
      last ? "last(EVENTS, ATTRIBUTE)"
           : "history(EVENTS, ATTRIBUTE, N) or history(EVENTS, ATTRIBUTE, N, DAYS)"));
  UPNEXT_ASSIGN_OR_RETURN(const Events events, EventsOf(call.arguments[0]));
  if (!events.after.empty() || !events.measure.empty()) {
    return Wrong(call.arguments[0], "expected events, and after 'unless' what takes them back");
  }
  CategoryOp op{.code = CategoryOp::Code::kBag, .newest = 1, .sorted = sorted};
  op.says = SaysOf(call.arguments[1]);
  const bool detailed = op.says != CategoryOp::Says::kId;
  *path = {};
  if (!detailed) {
    UPNEXT_ASSIGN_OR_RETURN(*path, Category(call.arguments[1]));
  }
  if (path->through != kItself) {
    return Wrong(call.arguments[1],
                 "a list is of the items of events: "
                 "expected item, or an attribute of items");
  }
  if (!last) {
    UPNEXT_ASSIGN_OR_RETURN(op.newest, WholeIn(call.arguments[2], 1, kMaxBagLimit));
  }
  if (call.arguments.size() == 4) {
    if (sorted) return Wrong(call.arguments[3], "weights by age would show the order in time");
    UPNEXT_ASSIGN_OR_RETURN(op.half_life_days, NumberIn(call.arguments[3], 1e-6, 1e6));
  }
  UPNEXT_ASSIGN_OR_RETURN(StateKey key, KeyOf(*path, call.arguments[1]));
  if (key.of == StateKey::Of::kItemAttribute) {
    op.paths = {*path};
    op.aligned = model_ == Model::kRetrieval && !key.list && !last && !sorted;
    key = {.of = StateKey::Of::kItem};
  }
  op.bag = needs_.state.AddBag({.key = key,
                                .terms = events.terms,
                                .removes = events.unless,
                                .limit = op.newest,
                                .detailed = detailed});
  return op;
}

Compiled<Feature> FeatureCompiler::BagOf(const Expression& call, bool sorted) {
  AttributePath path;
  UPNEXT_ASSIGN_OR_RETURN(CategoryOp op, Bag(call, sorted, &path));
  const bool list = call.name != "last" || path.kind == Kind::kCategories;
  const uint32_t vocabulary = VocabularyOf(op, path);
  op.rows = needs_.vocabularies[vocabulary].rows;
  return CategoryFeature(std::move(op), list, Side::kQuery, vocabulary);
}

uint32_t FeatureCompiler::VocabularyOf(const CategoryOp& op, const AttributePath& path) {
  if (op.says == CategoryOp::Says::kId) return VocabularyOf(SpaceOf(path), {path});
  const bool type = op.says == CategoryOp::Says::kType;
  const auto types = static_cast<uint32_t>(schema_.event_types().size());
  return needs_.Vocabulary({.name = std::string(type ? kTypeVocabulary : kShareVocabulary),
                            .space = IdSpace::kItem,
                            .counts = VocabularyPlan::Counts::kDetails,
                            .paths = {},
                            .rows = type ? types + 1 : kShareRows});
}

Compiled<Feature> FeatureCompiler::Cross(const Expression& call) {
  UPNEXT_RETURN_IF_ERROR(CheckArguments(call, 3, 3, "cross(ATTRIBUTE, ATTRIBUTE, ROWS)"));
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath a, Category(call.arguments[0]));
  UPNEXT_RETURN_IF_ERROR(CheckKnownAtRequest(a, call.arguments[0]));
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath b, Category(call.arguments[1]));
  UPNEXT_RETURN_IF_ERROR(CheckKnownAtRequest(b, call.arguments[1]));
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t rows, WholeIn(call.arguments[2], 2, kMaxHashedRows));
  const bool list = a.kind == Kind::kCategories || b.kind == Kind::kCategories;
  return CategoryFeature(
      {.code = CategoryOp::Code::kCross, .paths = {a}, .others = {b}, .rows = rows}, list,
      std::max(SideOf(a), SideOf(b)), /*vocabulary=*/0);
}

Compiled<Feature> FeatureCompiler::Match(const Expression& call) {
  UPNEXT_RETURN_IF_ERROR(CheckArguments(call, 2, 2, call.name + "(ATTRIBUTE, ATTRIBUTE)"));
  const auto is_call = [](const Expression& one) { return one.kind == Expression::Kind::kCall; };
  if (call.name == "overlap" && std::ranges::any_of(call.arguments, is_call)) {
    return WordOverlap(call);
  }
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath a, Category(call.arguments[0]));
  UPNEXT_RETURN_IF_ERROR(CheckKnownAtRequest(a, call.arguments[0]));
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath b, Category(call.arguments[1]));
  UPNEXT_RETURN_IF_ERROR(CheckKnownAtRequest(b, call.arguments[1]));
  if (SpaceOf(a) != SpaceOf(b)) {
    return Wrong(call.arguments[1], fmt::format("expected an attribute of the id space of '{}'",
                                                call.arguments[0].name));
  }
  return NumberFeature(
      {.code = call.name == "match" ? Code::kMatch : Code::kOverlap, .path = a, .other = b},
      std::max(SideOf(a), SideOf(b)));
}

Compiled<Feature> FeatureCompiler::Time(const Expression& call) {
  UPNEXT_RETURN_IF_ERROR(CheckArguments(
      call, 1, 1, call.name == "age" ? "age(ATTRIBUTE)" : call.name + "(request.time)"));
  const Expression& argument = call.arguments[0];
  if (call.name != "age") {
    if (ToText(argument) != "request.time") return Wrong(argument, "expected request.time");
    return NumberFeature({.code = call.name == "hour" ? Code::kHour : Code::kWeekday},
                         Side::kQuery);
  }
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath path, Attribute(argument));
  UPNEXT_RETURN_IF_ERROR(CheckKnownAtRequest(path, argument));
  if (path.kind != Kind::kTime) {
    return Wrong(argument, fmt::format("'{}' should be of kind time", argument.name));
  }
  return NumberFeature({.code = Code::kAge, .path = path}, SideOf(path));
}

Compiled<Feature> FeatureCompiler::Limited(const Expression& call) {
  UPNEXT_RETURN_IF_ERROR(CheckArguments(call, 2, 2, "limit(NUMBER, MAX)"));
  UPNEXT_ASSIGN_OR_RETURN(Feature feature, Any(call.arguments[0]));
  if (feature.kind != FeatureKind::kContinuous || feature.number.limit > 0 ||
      feature.number.encoding != NumberOp::Encoding::kQuantiles) {
    return Wrong(call.arguments[0], "expected a number");
  }
  UPNEXT_ASSIGN_OR_RETURN(const double limit, NumberIn(call.arguments[1], 1e-6, 1e9));
  feature.number.limit = static_cast<float>(limit);
  return feature;
}

Compiled<Feature> FeatureCompiler::Encoded(const Expression& call) {
  const bool hats = call.name == "hats";
  UPNEXT_RETURN_IF_ERROR(
      CheckArguments(call, hats ? 2 : 1, hats ? 2 : 1, hats ? "hats(NUMBER, N)" : "plain(NUMBER)"));
  UPNEXT_ASSIGN_OR_RETURN(Feature feature, Any(call.arguments[0]));
  NumberOp& op = feature.number;
  const bool is_number =
      feature.kind == FeatureKind::kContinuous && op.encoding == NumberOp::Encoding::kQuantiles;
  const bool is_share = op.code == Code::kMatch || op.code == Code::kOverlap ||
                        op.code == Code::kWordOverlap || op.code == Code::kExampleAge ||
                        op.code == Code::kSourceScore;
  if (is_share) op.limit = 1;
  if (!is_number || op.limit == 0) {
    return Wrong(call.arguments[0],
                 fmt::format("{}() takes a number of a known range: expected limit(NUMBER, MAX), "
                             "match(...), overlap(...), request.source_score or example_age",
                             call.name));
  }
  op.encoding = hats ? NumberOp::Encoding::kHats : NumberOp::Encoding::kPlain;
  if (hats) {
    UPNEXT_ASSIGN_OR_RETURN(op.hats, WholeIn(call.arguments[1], 2, kMaxHats));
  }
  return feature;
}

}  // namespace upnext::features
