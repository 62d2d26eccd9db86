# What peers send and what the log holds. Numbers (@n) are for ever: add fields, never reuse one.
@0xd5a7f7c6a1b04e2d;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("lockstep::wire::schema");

struct Configuration {
  voters @0 :List(UInt64);
  outgoing @1 :List(UInt64);
  learners @2 :List(UInt64);
  learnersNext @3 :List(UInt64);
}

struct SnapshotMeta {
  index @0 :UInt64;
  term @1 :UInt64;
  timestampNs @2 :Int64;
  configuration @3 :Configuration;
}

struct HardState {
  term @0 :UInt64;
  vote @1 :UInt64;
  commit @2 :UInt64;
  abstains @3 :Bool;
}

# A null payload and an empty one are different things.
struct Entry {
  term @0 :UInt64;
  index @1 :UInt64;
  timestampNs @2 :Int64;
  kind @3 :UInt8;
  payload @4 :Data;
  configuration @5 :Configuration;
}

struct Message {
  group @0 :UInt64;
  from @1 :UInt64;
  to @2 :UInt64;
  term @3 :UInt64;
  union {
    voteRequest @4 :VoteRequest;
    voteReply @5 :VoteReply;
    appendRequest @6 :AppendRequest;
    appendReply @7 :AppendReply;
    heartbeat @8 :Heartbeat;
    heartbeatReply @9 :HeartbeatReply;
    installSnapshot @10 :SnapshotMeta;
    timeoutNow @11 :Void;
    readIndexRequest @12 :ReadIndexRequest;
    readIndexReply @13 :ReadIndexReply;
  }

  struct VoteRequest {
    preVote @0 :Bool;
    leaderTransfer @1 :Bool;
    lastIndex @2 :UInt64;
    lastTerm @3 :UInt64;
    commit @4 :UInt64;
    commitTerm @5 :UInt64;
  }
  struct VoteReply {
    preVote @0 :Bool;
    granted @1 :Bool;
    commit @2 :UInt64;
    commitTerm @3 :UInt64;
  }
  struct AppendRequest {
    prevIndex @0 :UInt64;
    prevTerm @1 :UInt64;
    commit @2 :UInt64;
    entries @3 :List(Entry);
  }
  struct AppendReply {
    rejected @0 :Bool;
    index @1 :UInt64;
    hintIndex @2 :UInt64;
    hintTerm @3 :UInt64;
    logLost @4 :Bool;
  }
  struct Heartbeat {
    commit @0 :UInt64;
    read @1 :UInt64;
    lastIndex @2 :UInt64;
    stampNs @3 :Int64;
    quiesce @4 :Bool;
  }
  struct HeartbeatReply {
    read @0 :UInt64;
    wantsSnapshot @1 :UInt64;
    stampNs @2 :Int64;
    promiseNs @3 :Int64;
    priority @4 :UInt32;
    awake @5 :Bool;
  }
  struct ReadIndexRequest {
    id @0 :UInt64;
  }
  struct ReadIndexReply {
    id @0 :UInt64;
    index @1 :UInt64;
    rejected @2 :Bool;
  }
}

struct Frame {
  union {
    hello @0 :Hello;
    raftMessages @1 :List(Message);
    forward @2 :Forward;
    forwardRefused @3 :ForwardRefused;
    snapshotBegin @4 :SnapshotBegin;
    snapshotChunk @5 :SnapshotChunk;
    snapshotEnd @6 :SnapshotEnd;
    snapshotResult @7 :SnapshotResult;
    helloAnswer @8 :HelloAnswer;
    snapshotResume @9 :SnapshotResume;
  }

  struct Hello {
    protocolVersion @0 :UInt32;
    cluster @1 :UInt64;
    node @2 :UInt64;
    shard @3 :UInt32;
    purpose @4 :UInt8;
    to @5 :UInt64;
    directory @6 :UInt64;
    expectedDirectory @7 :UInt64;
    address @8 :Data;
    versionMax @9 :UInt32;
  }
  struct HelloAnswer {
    refusal @0 :UInt8;
    error @1 :Data;
    info @2 :Data;
  }
  struct Forward {
    group @0 :UInt64;
    session @1 :UInt64;
    ackedBelow @2 :UInt64;
    items @3 :List(Item);
    struct Item {
      number @0 :UInt64;
      payload @1 :Data;
    }
  }
  struct ForwardRefused {
    group @0 :UInt64;
    session @1 :UInt64;
    numbers @2 :List(UInt64);
    reason @3 :UInt8;
    leader @4 :UInt64;
  }
  struct SnapshotBegin {
    group @0 :UInt64;
    meta @1 :SnapshotMeta;
    term @2 :UInt64;
    from @3 :UInt64;
    transfer @4 :UInt64;
  }
  struct SnapshotResume {
    chunk @0 :UInt64;
    rows @1 :UInt64;
    checksum @2 :UInt64;
  }
  struct SnapshotChunk {
    sequence @0 :UInt64;
    rows @1 :List(Row);
    struct Row {
      column @0 :UInt8;
      key @1 :Data;
      value @2 :Data;
    }
  }
  struct SnapshotEnd {
    rows @0 :UInt64;
    checksum @1 :UInt64;
  }
  struct SnapshotResult {
    ok @0 :Bool;
    error @1 :Data;
  }
}

# The body of one batch of a shard's log.
struct LogBatch {
  records @0 :List(GroupRecord);

  struct GroupRecord {
    group @0 :UInt64;
    snapshot @1 :SnapshotMeta;   # null: none
    compacted @2 :SnapshotMeta;  # null: none
    entries @3 :List(Entry);
    hardState @4 :HardState;     # null: none
  }
}
