#include "serving/engine_options.h"

#include "base/checksum.h"
#include "schema/schema.h"

namespace upnext::serving {

EngineOptions EngineOptions::FromConfig(const base::Config& config) {
  EngineOptions options;
  options.budgets = retrieval::BudgetsFromConfig(config.Table("generators"));
  options.generator_ms = retrieval::TimesFromConfig(config.Table("generators"));
  options.feed = features::FeedRule::FromConfig(config.Table("serving"));
  if (retrieval::BudgetOf("continue", options.budgets) > 0 && options.feed.filter_seen &&
      options.feed.filter_started) {
    config.Table("generators")
        .Table("continue")
        .Fail("candidates",
              "what was begun is left out of feeds: set [serving] filter_started = false");
  }
  options.verb = retrieval::SiteVerb::FromConfig(config.Table("site"));
  options.live = features::LiveOptions::FromConfig(config);
  const schema::Schema schema = schema::Schema::FromConfig(config.Table("schema"));
  options.expressions = ExpressionTexts::FromConfig(config);
  options.scenarios = Scenarios::FromConfig(config, schema);
  options.slates = SlateLogOptions::FromConfig(config);
  options.digest = base::Fingerprint(config.text());
  return options;
}

}  // namespace upnext::serving
