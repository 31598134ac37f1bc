// Customers have a few categories, a price tier and favourite brands. A product is viewed, sometimes
// again on a later visit, put into the cart, and bought from there, sometimes days later. A machine
// is bought together with what it needs; what is used up is bought again. New products arrive and
// are looked at most in their first weeks; some leave.
#include "simulator/shop_site.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "base/rng.h"
#include "import/duckdb_table.h"
#include "simulator/names.h"
#include "simulator/site_draws.h"
#include "simulator/table_file.h"

namespace upnext::simulator {
namespace {

struct ShopCategory {
  std::string_view name;
  std::array<std::string_view, 3> things;
  double price;    // median
  int again_days;  // until it is used up and bought again; 0: it lasts
  int complement;  // category of what it is bought together with; -1: none
};

constexpr std::array<ShopCategory, 12> kShopCategories = {{
    {"coffee machines", {"espresso machine", "filter machine", "grinder"}, 140, 0, 1},
    {"coffee", {"espresso beans", "filter beans", "decaf beans"}, 14, 9, -1},
    {"kettles", {"steel kettle", "glass kettle", "travel kettle"}, 45, 0, 3},
    {"tea", {"green tea", "black tea", "herbal tea"}, 9, 11, -1},
    {"pans", {"frying pan", "wok", "saucepan"}, 55, 0, 5},
    {"knives", {"chef's knife", "bread knife", "paring knife"}, 60, 0, 6},
    {"boards", {"oak board", "bamboo board", "cutting mat"}, 28, 0, -1},
    {"spices", {"pepper", "paprika", "curry blend"}, 6, 14, -1},
    {"baking", {"cake tin", "mixing bowl", "rolling pin"}, 22, 0, 9},
    {"flour", {"wheat flour", "rye flour", "spelt flour"}, 4, 10, -1},
    {"glasses", {"wine glass", "tumbler", "carafe"}, 24, 0, -1},
    {"cleaning", {"dish soap", "sponge", "steel wool"}, 5, 12, -1},
}};
constexpr std::array<double, 3> kTierPrices = {0.6, 1.0, 1.7};  // of the median of the category
constexpr std::array<std::string_view, 18> kBrands = {
    "Arlo",  "Bekk",    "Corin", "Dovra", "Ester",  "Fenn", "Galle", "Hobart", "Iskra",
    "Jonas", "Kestrel", "Lumen", "Mirra", "Norrin", "Orla", "Pavo",  "Quill",  "Rusk"};

struct Product {
  uint32_t category, brand, tier;
  double created, gone;  // days; gone: discontinued or sold out
  bool discontinued, in_stock;
  double weight, price;
  std::string title;
  std::array<uint32_t, 2> complements;  // bought together with it, the first more often
};

struct Customer {
  bool known;  // has an account; the others are browsers with a cookie
  uint32_t tier;
  bool plus;
  double joined, visits_per_day;
  std::vector<uint32_t> categories, brands;
  std::string_view region, device;
};

class ShopSite : public SimulatedSite {
 public:
  explicit ShopSite(const SiteOptions& options) : options_(options) {
    base::Rng rng = StreamRng(options.seed, Purpose::kCatalogue, 0);
    shelves_.resize(kShopCategories.size());
    for (uint32_t id = 0; id < options.items; ++id) {
      products_.push_back(MakeProduct(rng, id));
      shelves_[products_.back().category].push_back(id);
    }
    for (Product& product : products_) {
      const int category = kShopCategories[product.category].complement;
      if (category < 0) continue;
      for (uint32_t& other : product.complements) {
        other = OneOf(rng, shelves_[static_cast<size_t>(category)]);
      }
    }
    for (uint32_t id = 0; id < options.users; ++id) {
      base::Rng of_user = StreamRng(options.seed, Purpose::kUser, id);
      customers_.push_back(MakeCustomer(of_user));
    }
  }

  void AddUser(uint32_t user, std::vector<SiteEvent>* events) const override;
  Status WriteTables(const std::filesystem::path& directory) const override;
  Status WriteEvents(const std::vector<SiteEvent>& events,
                     const std::filesystem::path& file) const override;

  const Product& product(uint32_t id) const { return products_[id]; }
  const std::vector<uint32_t>& shelf(uint32_t category) const { return shelves_[category]; }
  bool Likes(const Customer& customer, uint32_t id) const {
    return std::ranges::count(customer.brands, products_[id].brand) > 0;
  }
  // How likely a customer looks at the product on its shelf, up to a factor; 0: it is not for sale.
  double Appeal(const Customer& customer, uint32_t id, double day) const {
    constexpr std::array<double, 3> kOfTier = {1, 0.25, 0.05};
    const Product& product = products_[id];
    if (day < product.created || day >= product.gone) return 0;
    const size_t apart =
        product.tier > customer.tier ? product.tier - customer.tier : customer.tier - product.tier;
    return product.weight * (1 + 4 * std::exp((product.created - day) / 7)) * kOfTier[apart] *
           (Likes(customer, id) ? 4 : 1);
  }

 private:
  Product MakeProduct(base::Rng& rng, uint32_t id) const {
    Product product{};
    product.category = id % static_cast<uint32_t>(kShopCategories.size());
    const ShopCategory& category = kShopCategories[product.category];
    product.brand = static_cast<uint32_t>(rng.Below(kBrands.size()));
    product.tier = product.brand % 3;
    product.created = Chance(rng, 0.75) ? Between(rng, -300, 0) : Between(rng, 0, options_.days);
    const double ends = Between(rng, options_.days * 0.25, options_.days);
    product.discontinued = product.created < 0 && Chance(rng, 0.06);
    product.in_stock = !Chance(rng, 0.05);
    product.gone = product.discontinued ? ends
                   : product.in_stock   ? options_.days
                                        : std::max(ends, options_.days - 5.0);
    product.weight = std::pow(1 + std::pow(1 - rng.Uniform(), -1 / 1.2), 0.7);
    product.price = category.price * kTierPrices[product.tier] * LogNormal(rng, 0.15);
    product.title = fmt::format("{} {} {}{}", kBrands[product.brand], OneOf(rng, category.things),
                                static_cast<char>('A' + rng.Below(10)), 10 + rng.Below(90));
    return product;
  }

  static Customer MakeCustomer(base::Rng& rng) {
    Customer customer{};
    customer.known = Chance(rng, 0.6);
    customer.plus = customer.known && Chance(rng, 0.3);
    customer.tier = customer.plus ? 1 + static_cast<uint32_t>(Chance(rng, 0.67))
                                  : static_cast<uint32_t>(rng.Below(5)) / 2;
    customer.joined = Between(rng, -700, 0);
    customer.categories = SomeOf(rng, static_cast<uint32_t>(kShopCategories.size()), 3);
    customer.brands = SomeOf(rng, static_cast<uint32_t>(kBrands.size()), 4);
    customer.visits_per_day = (customer.known ? 0.2 : 0.03) * LogNormal(rng, 0.5);
    customer.region = SiteRegion(rng);
    customer.device = SiteDevice(rng);
    return customer;
  }

  const SiteOptions options_;
  std::vector<Product> products_;
  std::vector<std::vector<uint32_t>> shelves_;  // by category
  std::vector<Customer> customers_;
};

// One customer's visits, one after the other.
class Shopper {
 public:
  Shopper(const ShopSite& site, const Customer& customer, uint32_t user, base::Rng& rng,
          std::vector<SiteEvent>* events)
      : site_(site), customer_(customer), user_(user), rng_(rng), events_(events) {}

  void Visit(double day) {
    day_ = std::max(day, day_ + 60 * kSecond);
    device_ = Chance(rng_, 0.8) ? customer_.device : SiteDevice(rng_);
    ReturnToCart();
    const bool bought_again = BuyAgain();
    for (const uint32_t id : std::exchange(wanted_, {})) {
      if (Chance(rng_, 0.6)) Look(id, 0.5);
    }
    // What was looked at and not bought is looked at again, the newest first.
    while (!considered_.empty() && Chance(rng_, 0.35)) {
      const uint32_t id = considered_.back();
      considered_.pop_back();
      Look(id, 0.45);
    }
    if (!bought_again || Chance(rng_, 0.5)) Browse();
  }

 private:
  void Record(std::string_view action, uint32_t id, double value = std::nan("")) {
    day_ += Between(rng_, 10, 90) * kSecond;
    SiteEvent event{.user = user_, .item = id, .time_ms = SiteTime(day_), .value = value};
    event.action = action;
    event.device = device_;
    events_->push_back(std::move(event));
  }

  bool IsForSale(uint32_t id) const { return site_.Appeal(customer_, id, day_) > 0; }

  void Look(uint32_t id, double into_cart) {
    if (!IsForSale(id)) return;
    Record("view", id);
    if (Chance(rng_, into_cart)) {
      Record("add_to_cart", id);
      Chance(rng_, 0.55) ? Buy(id) : cart_.push_back(id);
      return;
    }
    if (Chance(rng_, 0.05)) Record("save", id);
    if (Chance(rng_, 0.5)) considered_.push_back(id);
    if (considered_.size() > 5) considered_.erase(considered_.begin());
  }

  void Buy(uint32_t id) {
    const Product& product = site_.product(id);
    const ShopCategory& category = kShopCategories[product.category];
    Record("purchase", id, std::round(100 * product.price * (Chance(rng_, 0.8) ? 1 : 2)) / 100);
    if (category.again_days > 0) {
      again_.emplace_back(day_ + category.again_days * Between(rng_, 0.7, 1.3), id);
    }
    if (category.complement >= 0 && Chance(rng_, 0.6)) {
      const uint32_t other = product.complements[Chance(rng_, 0.7) ? 0 : 1];
      // Together with it, or at the next visit.
      Chance(rng_, 0.5) ? Look(other, 0.6) : wanted_.push_back(other);
    }
  }

  void ReturnToCart() {
    for (const uint32_t id : std::exchange(cart_, {})) {
      if (IsForSale(id) && Chance(rng_, 0.4)) {
        Buy(id);
      } else if (Chance(rng_, 0.6)) {
        cart_.push_back(id);
      }
    }
  }

  bool BuyAgain() {
    bool any = false;
    for (const auto& [due, id] : std::exchange(again_, {})) {
      if (due > day_) {
        again_.emplace_back(due, id);
      } else {
        Look(id, 0.8);
        any = true;
      }
    }
    return any;
  }

  void Browse() {
    constexpr std::array<double, 3> kShares = {5, 3, 1};
    const std::vector<uint32_t>& shelf =
        site_.shelf(customer_.categories[PickWeighted<double>(rng_, kShares)]);
    std::vector<double> appeal;
    for (const uint32_t id : shelf) appeal.push_back(site_.Appeal(customer_, id, day_));
    if (std::ranges::max(appeal) == 0) return;
    for (int n = 1 + Poisson(rng_, 2.5); n > 0; --n) {
      const uint32_t id = shelf[PickWeighted<double>(rng_, appeal)];
      Look(id, site_.Likes(customer_, id) ? 0.2 : 0.07);
    }
  }

  const ShopSite& site_;
  const Customer& customer_;
  const uint32_t user_;
  base::Rng& rng_;
  std::vector<SiteEvent>* const events_;
  double day_ = -1;
  std::string_view device_;
  std::vector<uint32_t> cart_, wanted_, considered_;
  std::vector<std::pair<double, uint32_t>> again_;
};

void ShopSite::AddUser(uint32_t user, std::vector<SiteEvent>* events) const {
  base::Rng rng = StreamRng(options_.seed, Purpose::kUserLog, user);
  Shopper shopper(*this, customers_[user], user, rng, events);
  for (const double day : VisitTimes(rng, options_.days, customers_[user].visits_per_day)) {
    shopper.Visit(day);
  }
}

std::string VisitorName(uint32_t user, bool known) {
  return fmt::format("{}{:05}", known ? "c" : "cookie-", user);
}

Status ShopSite::WriteTables(const std::filesystem::path& directory) const {
  IdName sku('P', options_.items);
  UPNEXT_RETURN_IF_ERROR(
      WriteTable(directory / "products.csv",
                 {{"sku", "VARCHAR"},
                  {"title", "VARCHAR"},
                  {"category", "VARCHAR"},
                  {"brand", "VARCHAR"},
                  {"price", "DOUBLE"},
                  {"in_stock", "BOOLEAN"},
                  {"created", "TIMESTAMP"},
                  {"discontinued", "TIMESTAMP"}},
                 "*", products_.size(), [&](import::ChunkWriter& chunk, size_t i, size_t row) {
                   const Product& product = products_[i];
                   chunk.SetText(0, row, sku(static_cast<uint32_t>(i)));
                   chunk.SetText(1, row, product.title);
                   chunk.SetText(2, row, kShopCategories[product.category].name);
                   chunk.SetText(3, row, kBrands[product.brand]);
                   chunk.Values<double>(4)[row] = std::round(100 * product.price) / 100;
                   chunk.Values<bool>(5)[row] = product.in_stock;
                   chunk.Values<int64_t>(6)[row] = 1000 * SiteTime(product.created);
                   ValueOrNull(chunk, 7, row, 1000 * SiteTime(product.gone), !product.discontinued);
                 }));
  std::vector<uint32_t> known;
  for (uint32_t id = 0; id < customers_.size(); ++id) {
    if (customers_[id].known) known.push_back(id);
  }
  return WriteTable(
      directory / "customers.csv",
      {{"visitor", "VARCHAR"}, {"region", "VARCHAR"}, {"plan", "VARCHAR"}, {"joined", "TIMESTAMP"}},
      "*", known.size(), [&](import::ChunkWriter& chunk, size_t i, size_t row) {
        const Customer& customer = customers_[known[i]];
        chunk.SetText(0, row, VisitorName(known[i], true));
        chunk.SetText(1, row, customer.region);
        chunk.SetText(2, row, customer.plus ? "plus" : "basic");
        chunk.Values<int64_t>(3)[row] = 1000 * SiteTime(customer.joined);
      });
}

Status ShopSite::WriteEvents(const std::vector<SiteEvent>& events,
                             const std::filesystem::path& file) const {
  IdName sku('P', options_.items);
  return WriteTable(file,
                    {{"visitor", "VARCHAR"},
                     {"sku", "VARCHAR"},
                     {"ts", "TIMESTAMP"},
                     {"action", "VARCHAR"},
                     {"amount", "DOUBLE"},
                     {"device", "VARCHAR"}},
                    "*", events.size(), [&](import::ChunkWriter& chunk, size_t i, size_t row) {
                      const SiteEvent& event = events[i];
                      chunk.SetText(0, row, VisitorName(event.user, customers_[event.user].known));
                      chunk.SetText(1, row, sku(event.item));
                      chunk.Values<int64_t>(2)[row] = 1000 * event.time_ms;
                      chunk.SetText(3, row, event.action);
                      ValueOrNull(chunk, 4, row, event.value, std::isnan(event.value));
                      chunk.SetText(5, row, event.device);
                    });
}

}  // namespace

std::unique_ptr<const SimulatedSite> MakeShopSite(const SiteOptions& options) {
  return std::make_unique<ShopSite>(options);
}

}  // namespace upnext::simulator
