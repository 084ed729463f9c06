// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/detail/export.hpp>
#include <eddy/error.hpp>

/// What streams throw when it is their peer that has gone, so that a server can tell it from what
/// breaks among jobs: a channel without a receiver is a `BrokenResource`, too, and a defect.
///
/// Users catch the public types that these derive from.

namespace eddy::inline v0_1::detail {

/// The connection was reset, or broken on the way.
class EDDY_VISIBLE PeerGone final : public BrokenResource {
public:
    using BrokenResource::BrokenResource;
};

/// It said nothing for longer than its server allows.
class EDDY_VISIBLE PeerSilent final : public IoError {
public:
    using IoError::IoError;
};

/// It ended in the middle of a line, a frame, a count.
class EDDY_VISIBLE PeerCutShort final : public EndOfStream {
public:
    using EndOfStream::EndOfStream;
};

}  // namespace eddy::inline v0_1::detail
