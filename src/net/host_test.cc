#include "net/host.h"

#include <gtest/gtest.h>

namespace upnext::net {
namespace {

TEST(Host, ListensOnAddressesInBracketsAndOnLocalhost) {
  EXPECT_EQ(UrlOf(ListenAddress("127.0.0.1").value(), 80), "http://127.0.0.1:80");
  EXPECT_EQ(UrlOf(ListenAddress("localhost").value(), 80), "http://127.0.0.1:80");
  EXPECT_EQ(UrlOf(ListenAddress("::1").value(), 8080), "http://[::1]:8080");
  EXPECT_EQ(UrlOf(ListenAddress("[::1]").value(), 8080), "http://[::1]:8080");
  EXPECT_EQ(UrlOf(ListenAddress("::").value(), 8080), "http://[::]:8080");
  for (const char* wrong : {"", "[]", "[::1", "localhost:80", "example.org", "127.0.0.1:80"}) {
    EXPECT_FALSE(ListenAddress(wrong)) << wrong;
  }
}

TEST(Host, OnlyLoopbackAddressesStayOnThisMachine) {
  for (const char* own : {"127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1", "localhost"}) {
    EXPECT_TRUE(IsLoopback(ListenAddress(own).value())) << own;
  }
  for (const char* other :
       {"0.0.0.0", "::", "10.0.0.1", "192.168.1.2", "8.8.8.8", "fe80::1", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(IsLoopback(ListenAddress(other).value())) << other;
  }
}

TEST(Host, IsOwnByAddressOrByADeclaredName) {
  const std::vector<std::string> none, names = {"feeds.example.org"}, any = {"*"};
  for (const char* host : {"127.0.0.1", "127.0.0.1:8080", "10.1.2.3:80", "[::1]:8080", "[::1]",
                           "localhost", "LocalHost:8080", "localhost:", "localhost:65535"}) {
    EXPECT_TRUE(IsOwnHost(host, none)) << host;
  }
  for (const char* host :
       {"attacker.example", "attacker.example:8080", "localhost.attacker.example",
        "127.0.0.1.attacker.example", "", ":80", "[::1", "[::1]x", "::1", "127.0.0.1:80:80",
        "127.0.0.1:x", "localhost@attacker.example", "feeds.example.org"}) {
    EXPECT_FALSE(IsOwnHost(host, none)) << host;
  }
  EXPECT_FALSE(IsOwnHost("localhost:99999", any)) << "no port";
  EXPECT_TRUE(IsOwnHost("Feeds.Example.Org:443", names));
  EXPECT_FALSE(IsOwnHost("example.org", names));
  EXPECT_TRUE(IsOwnHost("attacker.example", any));
}

TEST(Host, AClientIsAnAddressOrANetworkOfIPv6) {
  const auto client = [](const char* text) {
    return ClientOf(boost::asio::ip::make_address(text));
  };
  EXPECT_EQ(client("10.0.0.7"), "10.0.0.7");
  EXPECT_EQ(client("::ffff:10.0.0.7"), "10.0.0.7");
  EXPECT_EQ(client("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(client("2001:db8:1:2:ffff::1"), client("2001:db8:1:2:3:4:5:6"));
  EXPECT_NE(client("2001:db8:1:3::1"), client("2001:db8:1:2::1"));
}

}  // namespace
}  // namespace upnext::net
