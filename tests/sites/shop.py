"""A shop: views, carts, purchases and saves of products with category, brand, price and stock; no impressions.

What a model can find in it: customers have a few categories, a price tier and favourite brands; consumables are
bought again after some days; a purchase leads to its complement (a kettle to tea); a product is viewed before it is
put into the cart, and bought from there, sometimes days later; new products arrive and are looked at most in their
first week; some leave.
"""

import math

from tables import Weighted, at, hour, poisson, write

DAYS = 42
CUSTOMERS, PRODUCTS = 320, 360
KNOWN = 260  # customers with an account; the others are browsers with a cookie

# name, what it holds, median price, days until a consumable is bought again (0: it lasts), complement
CATEGORIES = [
    ("coffee machines", ("espresso machine", "filter machine", "grinder"), 140, 0, "coffee"),
    ("coffee", ("espresso beans", "filter beans", "decaf beans"), 14, 9, None),
    ("kettles", ("steel kettle", "glass kettle", "travel kettle"), 45, 0, "tea"),
    ("tea", ("green tea", "black tea", "herbal tea"), 9, 11, None),
    ("pans", ("frying pan", "wok", "saucepan"), 55, 0, "knives"),
    ("knives", ("chef's knife", "bread knife", "paring knife"), 60, 0, "boards"),
    ("boards", ("oak board", "bamboo board", "cutting mat"), 28, 0, None),
    ("spices", ("pepper", "paprika", "curry blend"), 6, 14, None),
    ("baking", ("cake tin", "mixing bowl", "rolling pin"), 22, 0, "flour"),
    ("flour", ("wheat flour", "rye flour", "spelt flour"), 4, 10, None),
    ("glasses", ("wine glass", "tumbler", "carafe"), 24, 0, None),
    ("cleaning", ("dish soap", "sponge", "steel wool"), 5, 12, None),
]
TIERS = (0.6, 1.0, 1.7)  # of the price of a brand, by its median in the category
BRANDS = ("Arlo Bekk Corin Dovra Ester Fenn Galle Hobart Iskra Jonas Kestrel Lumen Mirra Norrin Orla Pavo Quill "
          "Rusk").split()
REGIONS = Weighted(["north", "south", "east", "west"], [4, 3, 2, 2])
DEVICES = Weighted(["phone", "desktop", "tablet"], [6, 3, 1])


def products(rng):
    made = []
    for number in range(PRODUCTS):
        category = number % len(CATEGORIES)
        name, things, median, _, _ = CATEGORIES[category]
        brand = rng.randrange(len(BRANDS))
        tier = brand % len(TIERS)
        created = rng.uniform(-300, 0) if rng.random() < 0.75 else rng.uniform(0, DAYS - 2)
        discontinued = rng.uniform(10, DAYS) if rng.random() < 0.06 and created < 0 else math.inf
        sold_out = rng.uniform(DAYS - 5, DAYS) if rng.random() < 0.07 else math.inf
        made.append({
            "sku": f"P{number:04}", "category_number": category, "category": name, "tier": tier,
            "brand_number": brand, "brand": BRANDS[brand],
            "title": f"{BRANDS[brand]} {rng.choice(things)} {rng.choice('ABCDEFGHJK')}{rng.randrange(10, 99)}",
            "price": f"{median * TIERS[tier] * math.exp(rng.gauss(0, 0.15)):.2f}",
            "in_stock": str(sold_out == math.inf).lower(), "day": created, "created": at(created)[:10],
            "discontinued": at(discontinued)[:10] if discontinued < DAYS else None,
            "gone": min(discontinued, sold_out), "weight": (1 + rng.paretovariate(1.2)) ** 0.7,
        })
    return made


def customers(rng):
    made = []
    for number in range(CUSTOMERS):
        known = number < KNOWN
        liked = rng.sample(range(len(CATEGORIES)), 3)
        plus = known and rng.random() < 0.3
        made.append({
            "visitor": f"c{number:04}" if known else f"cookie-{rng.getrandbits(32):08x}", "known": known,
            "region": REGIONS.draw(rng), "plan": "plus" if plus else "basic",
            "joined": at(rng.uniform(-700, 0))[:10], "device": DEVICES.draw(rng),
            "tier": rng.choice([1, 2, 2] if plus else [0, 0, 1, 1, 2]),
            "categories": Weighted(liked, [5, 3, 1]), "brands": set(rng.sample(range(len(BRANDS)), 4)),
            "visits": (0.35 if known else 0.08) * rng.lognormvariate(0, 0.5),
            "again": [],  # (day, product) of consumables to buy again
            "wanted": [],  # categories of complements
            "cart": [],  # products left in it
        })
    return made


class Visit:
    """One visit of a customer: appends to `events`."""

    def __init__(self, rng, customer, day, shelves, events):
        self.rng, self.customer, self.day, self.shelves, self.events = rng, customer, day, shelves, events
        self.device = customer["device"] if rng.random() < 0.8 else DEVICES.draw(rng)

    def record(self, action, product, amount=None):
        self.day += self.rng.uniform(10, 90) / 86_400
        self.events.append({"visitor": self.customer["visitor"], "sku": product["sku"], "ts": at(self.day),
                            "action": action, "amount": amount, "device": self.device})

    def choose(self, product):
        self.record("add_to_cart", product)
        if self.rng.random() < 0.55:
            self.buy(product)
        else:
            self.customer["cart"].append(product)

    def buy(self, product):
        quantity = 1 if self.rng.random() < 0.8 else 2
        self.record("purchase", product, f"{quantity * float(product['price']):.2f}")
        _, _, _, days, complement = CATEGORIES[product["category_number"]]
        if days:
            self.customer["again"].append((self.day + days * self.rng.uniform(0.7, 1.3), product))
        if complement:
            self.customer["wanted"].append([name for name, *_ in CATEGORIES].index(complement))

    def appeal(self, product):
        if not product["day"] <= self.day < product["gone"]:
            return 0
        weight = product["weight"] * (1 + 4 * math.exp(-(self.day - product["day"]) / 7))
        weight *= (1, 0.25, 0.05)[abs(product["tier"] - self.customer["tier"])]
        return weight * (4 if product["brand_number"] in self.customer["brands"] else 1)

    def browse(self, category):
        shelf = self.shelves[category]
        appeal = Weighted(shelf, [self.appeal(product) for product in shelf])
        for _ in range(1 + poisson(self.rng, 2)):
            product = appeal.draw(self.rng)
            self.record("view", product)
            liked = product["brand_number"] in self.customer["brands"]
            if self.rng.random() < (0.3 if liked else 0.1):
                self.choose(product)
            elif self.rng.random() < 0.05:
                self.record("save", product)

    def run(self):
        left, self.customer["cart"] = self.customer["cart"], []
        for product in left:
            if self.appeal(product) > 0 and self.rng.random() < 0.4:
                self.buy(product)
            elif self.rng.random() < 0.6:
                self.customer["cart"].append(product)
        due = [entry for entry in self.customer["again"] if entry[0] <= self.day]
        for entry in due:
            self.customer["again"].remove(entry)
            if self.appeal(entry[1]) > 0:
                self.record("view", entry[1])
                self.choose(entry[1])
        if self.customer["wanted"] and self.rng.random() < 0.6:
            self.browse(self.customer["wanted"].pop())
        if not due or self.rng.random() < 0.5:
            self.browse(self.customer["categories"].draw(self.rng))


def make(rng, folder):
    stock, people = products(rng), customers(rng)
    shelves = [[p for p in stock if p["category_number"] == c] for c in range(len(CATEGORIES))]
    events = []
    for customer in people:
        for day in range(DAYS):
            for _ in range(poisson(rng, customer["visits"])):
                Visit(rng, customer, day + hour(rng), shelves, events).run()
    events.sort(key=lambda event: event["ts"])

    def columns(rows, names):
        return [{name: row[name] for name in names} for row in rows]

    product_names = ("sku", "title", "category", "brand", "price", "in_stock", "created", "discontinued")
    customer_names = ("visitor", "region", "plan", "joined")
    return {
        "events.csv": write(folder / "events.csv", ("visitor", "sku", "ts", "action", "amount", "device"), events),
        "products.csv": write(folder / "products.csv", product_names, columns(stock, product_names)),
        "customers.csv": write(folder / "customers.csv", customer_names,
                               columns([c for c in people if c["known"]], customer_names)),
    }
