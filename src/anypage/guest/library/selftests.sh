# SPDX-License-Identifier: GPL-2.0-only
#
# What exercises share that run the kernel's own tests of user space, which are in /selftests. Each
# result that such a test reports itself becomes one of the exercise.
. /exercises/library/base.sh

LIMIT=1800			# seconds for a program, or for a category of them
TRIES=3				# of a program that fails

# results CATEGORY: the reports of a run, for the init
results() {
	awk -v category="$1" '
	function report(status, name, reason) {
		gsub(/[^A-Za-z0-9_.=+-]+/, "-", name)
		name = test "." substr(name, 1, 90)
		if (seen[name]++)
			name = name "." seen[name]
		print status " " category "." name " " reason
	}
	# What a line of TAP says behind its number and name.
	function reason_of(line) {
		return match(line, /# (SKIP|exit=)/) ? substr(line, RSTART + 2) : "the test says no more"
	}
	# A part of khugepaged is over when the next begins, or all of it ends.
	function end_part(failed) {
		if (part != "")
			report(failed ? "failed" : "passed", part, "the test says no more")
		part = ""
		wrong = 0
	}
	/^# running / {
		end_part(1)
		failures = 0
		test = $0
		sub(/^# running (bash )?(\.\/)?/, "", test)
		gsub(/[^A-Za-z0-9_.=+-]+/, "-", test)
		delete reported
		next
	}
	# A program that forks leaves what it has not written yet to both: it comes again.
	/^# *(not )?ok [0-9]+/ && !reported[$0]++ {
		status = /not ok/ ? "failed" : /# SKIP/ ? "skipped" : "passed"
		title = $0
		sub(/^# *(not )?ok [0-9]+ */, "", title)
		sub(/# SKIP.*/, "", title)
		# What pagemap_ioctl counted is another number in each run.
		sub(/ Extra pages .*/, "", title)
		# That of mrelease_test doubles each time that the child was faster.
		sub(/ with [0-9]+MB of memory/, " with memory", title)
		report(status, title, reason_of($0))
	}
	# The tests of userfaultfd report in a way of their own, and some die of an error.
	/^# Testing .*\.\.\. / {
		title = $0
		sub(/^# Testing */, "", title)
		said = title
		sub(/\.\.\. .*/, "", title)
		sub(/.*\.\.\. /, "", said)
		status = said ~ /^done/ ? "passed" : said ~ /^skipped/ ? "skipped" : "failed"
		report(status, title, said)
		next
	}
	# Those of khugepaged say it of each step, in red. Four failures in all are taken for a
	# skipped test, by its status; after an error it ends without any.
	/^# Run test: / {
		end_part(wrong)
		part = substr($0, 13)
	}
	/^# .*\[31m/ {
		failures++
		wrong = 1
	}
	/^(not )?ok [0-9]+ / {
		end_part(wrong || (/^not/ && !failures))
		status = /^not/ ? "failed" : /# SKIP/ ? "skipped" : "passed"
		report(status, "whole", reason_of($0))
	}'
}

# in_session COMMAND...: a session of its own, which ends with all that the tests leave running; 137
# when that took more than LIMIT
in_session() {
	local session status
	setsid timeout -s KILL $LIMIT "$@" >$WORK/output 2>&1 </dev/null 3>&- &
	session=$!
	wait $session
	status=$?
	kill -KILL "-$session" 2>/dev/null
	return $status
}

# best: of the results of several tries, one for each test. One that passes now and then is passed.
best() {
	awk '
	BEGIN { rank["failed"] = 1; rank["passed"] = 2 }
	!($2 in line) { names[++count] = $2 }
	!($2 in line) || rank[$1] > rank[status[$2]] { line[$2] = $0; status[$2] = $1 }
	END { for (i = 1; i <= count; i++) print line[names[i]] }'
}

# run_test SUITE NAME COMMAND...: a test whose status is that of kselftest. Some depend on time, and
# fail now and then on any kernel: up to TRIES.
run_test() {
	local suite=$1 name=$2 status try verdict
	shift 2
	echo "start $suite.$name" >&3
	for try in $(seq $TRIES); do
		in_session "$@"
		status=$?
		case $status in
		0) verdict="ok 1 $name" ;;
		4) verdict="ok 1 $name # SKIP $(tail -n 1 $WORK/output | sed 's/.*# SKIP *//')" ;;
		137) verdict="not ok 1 $name # exit=137, no end after $LIMIT s" ;;
		*) verdict="not ok 1 $name # exit=$status" ;;
		esac
		{
			echo "# running $name"
			sed 's/^/# /' $WORK/output
			echo "$verdict"
		} | results "$suite" >$WORK/try.$try
		case $status in
		0 | 4 | 137) break ;;
		esac
	done
	cat $WORK/try.* | best >&3
	rm $WORK/try.*
}
