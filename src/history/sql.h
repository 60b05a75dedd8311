// SPDX-License-Identifier: GPL-2.0-or-later
//
// Our value types as SQL values: binding them to a statement and taking them from a row, each in
// the order of the SQL text. Times of the calendar are microseconds since 1970, sizes saturate at
// 2^63 - 1 (SQLite knows no unsigned 64 bits), what is not known is NULL.
// Errors: SQLite::Exception, and std::runtime_error for a word that we do not know; database.h
// turns both into an Error.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/units.h"
#include "orchestrator/drain.h"
#include "orchestrator/journal.h"
#include "orchestrator/types.h"

namespace vmigrate::history {

inline std::optional<JobState> job_state_named(std::string_view name) {
    for (auto state = JobState::none; state <= JobState::cancelled;
         state = static_cast<JobState>(static_cast<int>(state) + 1)) {
        if (name_of(state) == name) {
            return state;
        }
    }
    return std::nullopt;
}

template <class E>
concept NamedEnum = std::same_as<E, Phase> || std::same_as<E, Outcome> || std::same_as<E, Step> ||
    std::same_as<E, JobState> || std::same_as<E, TuneFate> || std::same_as<E, DrainState>;

template <class T>
concept Duration = std::same_as<T, milliseconds> || std::same_as<T, microseconds>;

template <class T>
concept Counted = std::same_as<T, Bytes> || std::same_as<T, BytesPerSecond>;

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
void bind_value(SQLite::Statement& statement, int index, const T& value) {
    if constexpr (IsOptional<T>::value) {
        if (value) {
            bind_value(statement, index, *value);
        } else {
            statement.bind(index);
        }
    } else if constexpr (NamedEnum<T>) {
        statement.bind(index, std::string(name_of(value)));
    } else if constexpr (Duration<T>) {
        bind_value(statement, index, value.count());
    } else if constexpr (Counted<T>) {
        constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
        statement.bind(index, static_cast<std::int64_t>(std::min(value.count, kLargest)));
    } else if constexpr (std::same_as<T, WallTime>) {
        bind_value(statement, index, std::chrono::floor<microseconds>(value).time_since_epoch());
    } else if constexpr (std::integral<T>) {
        statement.bind(index, static_cast<std::int64_t>(value));
    } else if constexpr (std::floating_point<T>) {
        statement.bind(index, static_cast<double>(value));
    } else {
        statement.bind(index, std::string(value));
    }
}

/// A statement with its parameters bound from the first on.
template <class... T>
SQLite::Statement prepared(const SQLite::Database& database, const std::string& sql,
                           const T&... values) {
    SQLite::Statement statement(database, sql);
    int index = 0;
    (bind_value(statement, ++index, values), ...);
    return statement;
}

/// Runs a statement that gives no rows; returns how many rows it changed.
template <class... T>
int execute(const SQLite::Database& database, const std::string& sql, const T&... values) {
    return prepared(database, sql, values...).exec();
}

/// Takes the columns of the current row from left to right.
class Row {
  public:
    explicit Row(const SQLite::Statement& statement) : statement_(statement) {}

    template <class T>
    T take() {
        const auto column = statement_.getColumn(next_);
        if constexpr (IsOptional<T>::value) {
            if (column.isNull()) {
                ++next_;
                return std::nullopt;
            }
            return take<typename T::value_type>();
        } else {
            ++next_;
            return converted<T>(column);
        }
    }

    void skip(int columns) { next_ += columns; }

    /// As take(), into a variable whose type says what to expect.
    template <class T>
    Row& operator>>(T& value) {
        value = take<T>();
        return *this;
    }

  private:
    template <class T>
    static T converted(const SQLite::Column& column) {
        if constexpr (NamedEnum<T>) {
            return word<T>(column.getString());
        } else if constexpr (Duration<T>) {
            return T(column.getInt64());
        } else if constexpr (Counted<T>) {
            return T{static_cast<std::uint64_t>(column.getInt64())};
        } else if constexpr (std::same_as<T, WallTime>) {
            return WallTime(microseconds(column.getInt64()));
        } else if constexpr (std::floating_point<T>) {
            return column.getDouble();
        } else if constexpr (std::integral<T>) {
            return static_cast<T>(column.getInt64());
        } else {
            return column.getString();
        }
    }

    template <class E>
    static E word(const std::string& name) {
        std::optional<E> value;
        if constexpr (std::same_as<E, Phase>) {
            value = phase_named(name);
        } else if constexpr (std::same_as<E, Outcome>) {
            value = outcome_named(name);
        } else if constexpr (std::same_as<E, Step>) {
            value = step_named(name);
        } else if constexpr (std::same_as<E, TuneFate>) {
            value = tune_fate_named(name);
        } else if constexpr (std::same_as<E, DrainState>) {
            value = drain_state_named(name);
        } else {
            value = job_state_named(name);
        }
        if (!value) {
            throw std::runtime_error("it holds the unknown word '" + name + "'");
        }
        return *value;
    }

    const SQLite::Statement& statement_;
    int next_ = 0;
};

}  // namespace vmigrate::history
