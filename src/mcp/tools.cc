#include "mcp/tools.h"

#include <array>

namespace upnext::mcp {
namespace {

using Words = std::string_view;

constexpr Argument kUser{"user", "--user", Kind::kText, "Id of the user", true};
constexpr Argument kItem{"item", "--item", Kind::kText, "Id of the item", true};
constexpr Argument kN{"n", "-n", Kind::kWhole, "How many items; 20 when left out"};
constexpr Argument kFilter{"filter", "--filter", Kind::kText,
                           "A condition on items in the expression language (guide expressions), "
                           "such as item.duration < 600"};

constexpr std::array kFeed{
    kUser,
    kN,
    Argument{"scenario", "--scenario", Kind::kText, "A [scenario.NAME] of the project file"},
    kFilter,
    Argument{"boost", "--boost", Kind::kText,
             "A number of each item that its score is multiplied by, in the same language"},
    Argument{"score", "--score", Kind::kText,
             "Exponents of the score in place of the project file's: watch:1,dismiss:-0.5"},
    Argument{"exclude", "--exclude", Kind::kTexts, "Ids of items to leave out"},
    Argument{"current_item", "--current-item", Kind::kText, "The item being watched"},
    Argument{"device", "--device", Kind::kText, "Device of the request"},
    Argument{"region", "--region", Kind::kText, "Region of the request"},
};
constexpr std::array kLike{kItem, kN, kFilter};
constexpr std::array kRequest{
    Argument{"request", "", Kind::kText, "The request id of an answer of the server", true}};
constexpr std::array kVersion{Argument{"version", "--version", Kind::kText,
                                       "The bundle to make current, such as v000002", true}};

constexpr std::array<Words, 2> kRecommend{"recommend", "--json"};
constexpr std::array<Words, 3> kExplain{"recommend", "--json", "--explain"};
constexpr std::array<Words, 2> kSimilar{"similar", "--json"};
constexpr std::array<Words, 2> kInspect{"inspect", "--json"};
constexpr std::array<Words, 2> kEvaluate{"evaluate", "--json"};
constexpr std::array<Words, 2> kFeatures{"features", "--json"};
constexpr std::array<Words, 2> kBundles{"publish", "--json"};
constexpr std::array<Words, 2> kReplay{"replay", "--json"};
constexpr std::array<Words, 3> kRules{"rules", "check", "--json"};
constexpr std::array<Words, 2> kDoctor{"doctor", "--json"};
constexpr std::array<Words, 3> kConfig{"config", "show", "--json"};
constexpr std::array<Words, 1> kPublish{"publish"};
constexpr std::array<Words, 1> kTrain{"train"};
constexpr std::array<Words, 2> kMove{"import", "--from-store"};

constexpr std::array kTools{
    Tool{"recommend", "The feed of a user as the published models make it from log and store now",
         kRecommend, kFeed},
    Tool{
        "explain",
        "The same feed with the reasons: who proposed each item, predictions, boosts, and how many "
        "items each stage left",
        kExplain, kFeed},
    Tool{"similar", "Items like an item, with what each was found by", kSimilar, kLike},
    Tool{"inspect",
         "What the log and the published bundle are: sizes, dates, versions, checksums",
         kInspect,
         {}},
    Tool{"evaluate",
         "Measures the published models and simple baselines on held-out days; may take minutes",
         kEvaluate,
         {}},
    Tool{"features", "The features of the models, and how often each is missing", kFeatures, {}},
    Tool{"bundles", "The published bundles with their figures, and which is current", kBundles, {}},
    Tool{
        "replay",
        "Makes an answer that the server gave again from what it kept of it, and compares the bytes",
        kReplay, kRequest},
    Tool{
        "check_rules",
        "Finds filters, pins, hides and caps of the project file without effect, and what they change "
        "in feeds of real users",
        kRules,
        {}},
    Tool{"doctor",
         "Examines machine, project, store and server: what is wrong and what to do",
         kDoctor,
         {}},
    Tool{"config",
         "Every value in use, and the line of the project file or default it comes from",
         kConfig,
         {}},
    Tool{"publish", "Makes an earlier or later bundle current; servers take it up", kPublish,
         kVersion, true},
    Tool{"move_posted_events",
         "Moves what was posted to the server into the log, for training",
         kMove,
         {},
         true},
    Tool{"train",
         "Trains the models on the log and publishes them; may take hours",
         kTrain,
         {},
         true},
};

}  // namespace

std::span<const Tool> Tools() { return kTools; }

}  // namespace upnext::mcp
