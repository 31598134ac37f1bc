#include "interchange/tensors.h"

#include <gtest/gtest.h>

namespace upnext::interchange {
namespace {

TEST(Tensors, ListsEndWithTheNewestAndWeighNothingInFront) {
  features::ModelShape::SideShape side;
  side.slots = {{.feature = "seen", .list = true}, {.feature = "place"}};
  side.dense = 2;
  features::FeatureBlock block;
  block.categorical.resize(2);
  features::Bags& seen = block.categorical[0];
  seen.ids = {4, 5};
  seen.Weigh(1, 0.5f);
  seen.Close();
  seen.Close();
  block.categorical[1].Close();
  block.categorical[1].ids = {9};
  block.categorical[1].Close();
  block.dense = {1, 2, 3, 4};
  block.rows = 2;
  EXPECT_EQ(ToJson(SideTensors("query", side, block)).dump(),
            R"({"query.seen":[[4,5],[0,0]],"query.seen.weights":[[1.0,0.5],[0.0,0.0]],)"
            R"("query.place":[0,9],"numbers.query":[[1.0,2.0],[3.0,4.0]]})");
  seen.Clear();
  seen.Close();
  seen.ids = {7};
  seen.Close();
  seen.ids = {7, 8, 9, 10};
  seen.offsets = {0, 1, 4};
  EXPECT_EQ(ToJson(SideTensors("query", side, block))["query.seen"].dump(), "[[0,0,7],[8,9,10]]");
}

}  // namespace
}  // namespace upnext::interchange
