#include "kv/node_config.h"

#include <gtest/gtest.h>

namespace lockstep::kv {
namespace {

NodeSettings ThreeMembers(const std::string& name) {
  NodeSettings settings;
  settings.name = name;
  settings.initial_cluster = "n1=http://h1:2380,n2=http://h2:2380,n3=http://h3:2380";
  settings.initial_advertise_peer_urls = "http://h" + name.substr(1) + ":2380";
  settings.listen_peer_urls = "http://0.0.0.0:2380";
  return settings;
}

std::string ErrorOf(const NodeSettings& settings) {
  const auto config = ParseNodeConfig(settings);
  EXPECT_FALSE(config.ok());
  return std::string(config.status().message());
}

TEST(NodeConfig, DefaultsAreAClusterOfOneOnLoopback) {
  const auto config = ParseNodeConfig({});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->members.size(), 1u);
  EXPECT_EQ(config->client_listen, std::vector<std::string>{"127.0.0.1:2379"});
  EXPECT_EQ(config->peer_listen, std::vector<std::string>{"127.0.0.1:2380"});
  EXPECT_NE(config->cluster, ClusterId());
  EXPECT_NE(config->self, NodeId());
}

TEST(NodeConfig, AllMembersDeriveTheSameIds) {
  const auto one = ParseNodeConfig(ThreeMembers("n1"));
  const auto two = ParseNodeConfig(ThreeMembers("n2"));
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(one->cluster, two->cluster);
  EXPECT_NE(one->self, two->self);
  EXPECT_EQ(one->members.at(two->self).name, "n2");
}

TEST(NodeConfig, AnotherTokenIsAnotherClusterWithOtherMembers) {
  NodeSettings other = ThreeMembers("n1");
  other.initial_cluster_token = "other";
  const auto a = ParseNodeConfig(ThreeMembers("n1"));
  const auto b = ParseNodeConfig(other);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->cluster, b->cluster);
  EXPECT_NE(a->self, b->self);
}

TEST(NodeConfig, ANodeListensWhereItSaysAndDialsWhatOthersAdvertise) {
  const auto config = ParseNodeConfig(ThreeMembers("n2"));
  ASSERT_TRUE(config.ok());
  const replica::NodeOptions options = ToNodeOptions(*config);
  EXPECT_EQ(options.peer_listen.front(), "0.0.0.0:2380");
  for (const auto& [id, member] : config->members) {
    EXPECT_EQ("http://" + options.members.at(id).front(), member.peer_urls.front());
  }
}

TEST(NodeConfig, ANodeThatTheFlagsDoNotNameAsAMemberSaysWhereItIs) {
  auto config = ParseNodeConfig(ThreeMembers("n2"));
  ASSERT_TRUE(config.ok());
  config->self = NodeId(77);
  const replica::NodeOptions options = ToNodeOptions(*config);
  EXPECT_EQ(options.peer_advertise, config->peer_advertise);
  EXPECT_EQ(options.name, "n2");
}

TEST(NodeConfig, TimesBecomeTicks) {
  NodeSettings settings;
  settings.heartbeat_interval_ms = 50;
  settings.election_timeout_ms = 400;
  const auto config = ParseNodeConfig(settings);
  ASSERT_TRUE(config.ok());
  const raft::Options raft = ToNodeOptions(*config).raft;
  EXPECT_EQ(raft.heartbeat_ticks, 5u);
  EXPECT_EQ(raft.election_ticks, 40u);
  EXPECT_GT(raft.first_election_ticks, raft.heartbeat_ticks);
  EXPECT_LT(raft.lost_leader_ticks, raft.election_ticks / 5);
}

TEST(NodeConfig, ElectionTimeoutsFollowEtcdsRules) {
  NodeSettings settings;
  settings.election_timeout_ms = 499;
  EXPECT_NE(ErrorOf(settings).find("at least as 5 times as --heartbeat-interval[100ms]"),
            std::string::npos);
  settings.election_timeout_ms = 50'001;
  EXPECT_NE(ErrorOf(settings).find("50001ms"), std::string::npos);
  settings.election_timeout_ms = 500;
  EXPECT_TRUE(ParseNodeConfig(settings).ok());
}

TEST(NodeConfig, TheOwnNameMustBeInTheCluster) {
  NodeSettings settings = ThreeMembers("n1");
  settings.name = "n4";
  EXPECT_NE(ErrorOf(settings).find("couldn't find local name \"n4\""), std::string::npos);
}

TEST(NodeConfig, AdvertisedPeerUrlsAreThoseOfTheCluster) {
  NodeSettings settings = ThreeMembers("n1");
  settings.initial_advertise_peer_urls = "http://h9:2380";
  EXPECT_NE(ErrorOf(settings).find("--initial-cluster has n1=http://h1:2380 but missing from "
                                   "--initial-advertise-peer-urls=http://h9:2380"),
            std::string::npos);
  settings.initial_advertise_peer_urls = "http://h1:2380,http://h9:2380";
  EXPECT_NE(ErrorOf(settings).find("--initial-advertise-peer-urls has http://h9:2380 but missing"),
            std::string::npos);
}

TEST(NodeConfig, OneUrlBelongsToOneMember) {
  NodeSettings settings = ThreeMembers("n1");
  settings.initial_cluster += ",n4=http://h1:2380";
  EXPECT_NE(ErrorOf(settings).find("given to n1 and n4"), std::string::npos);
}

TEST(NodeConfig, ShardsNeedAPeerUrlEach) {
  NodeSettings settings;
  settings.shards = 2;
  settings.initial_advertise_peer_urls = "http://h1:2380,http://h1:2390";
  EXPECT_NE(ErrorOf(settings).find("--listen-peer-urls has 1"), std::string::npos);
  settings.listen_peer_urls = "http://0.0.0.0:2380,http://0.0.0.0:2390";
  const auto config = ParseNodeConfig(settings);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(ToNodeOptions(*config).members.at(config->self).size(), 2u);
  settings.shards = 3;
  EXPECT_NE(ErrorOf(settings).find("every member needs 3"), std::string::npos);
}

TEST(NodeConfig, LeasesAndPrioritiesAreOffUnlessAskedFor) {
  NodeSettings settings;
  settings.election_timeout_ms = 1500;
  raft::Options raft = ToNodeOptions(*ParseNodeConfig(settings)).raft;
  EXPECT_EQ(raft.lease_ns, 0);
  EXPECT_EQ(raft.priority, 0u);
  settings.read_lease = true;
  settings.read_lease_drift_ppm = 250;
  settings.leader_priority = 9;
  raft = ToNodeOptions(*ParseNodeConfig(settings)).raft;
  EXPECT_EQ(raft.lease_ns, 1'500'000'000);
  EXPECT_EQ(raft.lease_drift_ppm, 250u);
  EXPECT_EQ(raft.priority, 9u);
  settings.read_lease_drift_ppm = 500'001;
  EXPECT_NE(ErrorOf(settings).find("--read-lease-max-drift-ppm"), std::string::npos);
  settings.read_lease_drift_ppm = 0;
  settings.leader_priority = -1;
  EXPECT_NE(ErrorOf(settings).find("--leader-priority"), std::string::npos);
}

TEST(NodeConfig, LimitsAreTheOperatorsWithinWhatEveryReplicaApplies) {
  NodeSettings settings;
  settings.max_txn_ops = 1024;
  settings.quota_backend_bytes = -1;
  const auto config = ParseNodeConfig(settings);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->txn_ops_max, 1024);
  EXPECT_EQ(config->quota_bytes, -1);
  for (const int64_t wrong : {0, 1025}) {
    settings.max_txn_ops = wrong;
    EXPECT_NE(ParseNodeConfig(settings).status().message().find("--max-txn-ops"),
              std::string::npos);
  }
}

TEST(NodeConfig, UrlsAreChecked) {
  EXPECT_EQ(*ParseUrl("http://[::1]:80"), "[::1]:80");
  for (const char* url : {"", "h:1", "ftp://h:1", "http://h", "http://h:", "http://h:0",
                          "http://h:65536", "http://h:1/path", "http://::1:80", "http://a:b:1"}) {
    EXPECT_FALSE(ParseUrl(url).ok()) << url;
  }
  EXPECT_EQ(*ParseUrl("https://h:1"), "h:1");
}

TEST(NodeConfig, HttpsNeedsFilesAndOneSchemePerPort) {
  NodeSettings settings;
  settings.listen_client_urls = "https://127.0.0.1:2379";
  settings.advertise_client_urls = "https://127.0.0.1:2379";
  EXPECT_NE(ErrorOf(settings).find("--cert-file is missing"), std::string::npos);
  settings.client_tls.cert_file = "c.pem";
  EXPECT_NE(ErrorOf(settings).find("--key-file is missing"), std::string::npos);
  settings.client_tls.key_file = "k.pem";
  ASSERT_TRUE(ParseNodeConfig(settings).ok());
  settings.client_tls.client_cert_auth = true;
  EXPECT_NE(ErrorOf(settings).find("--trusted-ca-file is missing"), std::string::npos);
  settings.client_tls.trusted_ca_file = "ca.pem";
  settings.tls_limits.min_version = "TLS1.0";
  EXPECT_NE(ErrorOf(settings).find("--tls-min-version 'TLS1.0'"), std::string::npos);
  settings.tls_limits.min_version = "TLS1.3";
  auto config = ParseNodeConfig(settings);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->client_tls->policy.requires_client_certificate);
  EXPECT_FALSE(config->peer_tls.has_value());
  settings.listen_client_urls += ",http://127.0.0.1:2378";
  EXPECT_NE(ErrorOf(settings).find("partly http and partly https"), std::string::npos);
}

TEST(NodeConfig, PeersOfTlsTrustAnAuthorityAndMayBeNamed) {
  NodeSettings settings;
  settings.listen_peer_urls = "https://127.0.0.1:2380";
  EXPECT_NE(ErrorOf(settings).find("partly http"), std::string::npos);
  settings.initial_advertise_peer_urls = "https://127.0.0.1:2380";
  settings.peer_tls.cert_file = "c.pem";
  settings.peer_tls.key_file = "k.pem";
  EXPECT_NE(ErrorOf(settings).find("--peer-trusted-ca-file is missing"), std::string::npos);
  settings.peer_tls.trusted_ca_file = "ca.pem";
  settings.peer_tls.allowed_cn = "n1, n2";
  settings.peer_tls.allowed_hostname = "n3.example";
  auto config = ParseNodeConfig(settings);
  ASSERT_TRUE(config.ok()) << config.status();
  const std::vector<std::string> names = {"n1", "n2", "n3.example"};
  EXPECT_EQ(config->peer_tls->policy.allowed_names, names);
  EXPECT_TRUE(config->peer_tls->policy.requires_client_certificate);
}

TEST(NodeConfig, NamesCannotBeBound) {
  NodeSettings settings;
  settings.listen_peer_urls = "http://example.com:2380";
  EXPECT_NE(ErrorOf(settings).find("expected IP in URL for binding"), std::string::npos);
}

}  // namespace
}  // namespace lockstep::kv
