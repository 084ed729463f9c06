// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <unordered_set>
#include <vector>

#include <eddy/detail/owned_fd.hpp>

#include "fs/directory_reader.hpp"

namespace eddy::inline v0_1::detail {

/// Which directory it is, whatever it is called.
struct DirectoryId {
    dev_t device;
    ino_t inode;
    [[nodiscard]] bool operator==(const DirectoryId&) const noexcept = default;
};

struct DirectoryIdHash {
    [[nodiscard]] std::size_t operator()(const DirectoryId& id) const noexcept {
        return std::hash<ino_t>()(id.inode) ^ (std::hash<dev_t>()(id.device) << 1U);
    }
};

/// The directories from the root of a tree down to where one is in it.
///
/// One goes down by name from the descriptor of the directory above, so that no path, which others
/// may change meanwhile, is ever looked up again. Most descriptors are lent back in deep trees: the
/// root and the deepest ones are open, `most_open` at most. One comes up to another by "..", and if
/// that is not the directory one went down from (it was moved, or entered by a link), by the names
/// from the root on. Whoever is not found again was moved away.
class DirectoryChain final {
public:
    static constexpr std::size_t most_open = 30;

    /// One that could not be found again, the uppermost.
    struct Lost {
        std::string path;
        std::size_t depth;
        int error;
        bool has_more;  // of it or of those below, not all names have come
    };

    /// `path`: what the root is called in what `path` says.
    DirectoryChain(std::string path, OwnedFd root, const DirectoryId& id, Links links, Stops stops);

    /// Of the root: 0.
    [[nodiscard]] std::size_t depth() const noexcept { return levels_.size() - 1; }
    /// Of the directory one is in.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] std::string path_of(std::string_view name) const;
    /// The same, into a text that is there.
    void append_path_of(std::string_view name, std::string& into) const;
    /// What it is called in the one above; of the root, "".
    [[nodiscard]] std::string_view name() const noexcept;
    [[nodiscard]] DirectoryReader& reader() noexcept { return levels_.back().reader; }
    [[nodiscard]] int fd() const noexcept { return levels_.back().reader.fd(); }
    [[nodiscard]] dev_t root_device() const noexcept { return levels_.front().id.device; }
    [[nodiscard]] bool contains(const DirectoryId& id) const noexcept { return ids_.contains(id); }

    /// Goes down. `name` is not looked at afterwards. A call that is to stop may have more open
    /// then, until it goes down again. Throws: `std::bad_alloc`; then nothing is changed but for
    /// what is open.
    void enter(OwnedFd directory, std::string_view name, const DirectoryId& id);
    /// Goes up, out of what is not the root; further up, if those above are not found again.
    [[nodiscard]] std::optional<Lost> leave();

private:
    struct Level {
        DirectoryReader reader;
        DirectoryId id;
        std::size_t path_length;  // its own in `path_`
    };

    /// As many as there are to be, of those that are far from where one is.
    void lend_back_far();
    void pop() noexcept;
    [[nodiscard]] std::string name_of(std::size_t level) const;
    [[nodiscard]] std::optional<Lost> find_again();
    [[nodiscard]] Lost give_up(std::size_t level, int error);

    const Links links_;
    const Stops stops_;
    std::string path_;
    // Invariant, outside: not empty; the first is open, and as many of the others as are open are
    // the last ones, at least one of them if there is any, less than `most_open`.
    std::vector<Level> levels_;
    std::unordered_multiset<DirectoryId, DirectoryIdHash> ids_;  // of them
};

/// `fstat` of a directory. False: errno says why not.
[[nodiscard]] bool identify(int directory, DirectoryId& id) noexcept;

}  // namespace eddy::inline v0_1::detail
