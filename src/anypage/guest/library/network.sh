# SPDX-License-Identifier: GPL-2.0-only
#
# How a network card is exercised: two of them are the ends of one cable inside of QEMU, each in a
# network namespace of its own, and files travel both ways. No packet leaves the guest's machine.

HERE=10.77.0.1
THERE=10.77.0.2

# cards DRIVER: the names of its interfaces
cards() {
	local card
	for card in /sys/class/net/*; do
		if [ "$(basename "$(readlink -f "$card/device/driver")")" = "$1" ]; then
			basename "$card"
		fi
	done
}

has_two_cards() {
	[ "$(cards "$1" | wc -l)" = 2 ]
}

# on PLACE COMMAND...: PLACE is here or there
on() {
	local place=$1
	shift
	ip netns exec "$NAME-$place" "$@"
}

# side PLACE CARD ADDRESS
side() {
	mkdir -p /run
	ip netns add "$NAME-$1"
	ip link set "$2" netns "$NAME-$1"
	on "$1" ip link set lo up
	on "$1" ip addr add "$3/24" dev "$2"
	on "$1" ip link set "$2" up
}

# set_up DRIVER
set_up() {
	local cards
	wait_for has_two_cards "$1"
	cards=$(cards "$1")
	echo "$cards" >$WORK/cards
	side here "$(sed -n 1p $WORK/cards)" $HERE
	side there "$(sed -n 2p $WORK/cards)" $THERE
	wait_for on here ping -c 1 -W 1 $THERE
}

# The reply must hold what was sent, which ping looks at.
pings() {
	local size
	for size in 0 56 1472 1473 4000 9000 20000 65000; do
		on here ping -c 3 -i 0.2 -W 5 -s $size $THERE | grep "3 packets received"
	done
}

is_listening() {
	on "$1" netstat -l -n -t | grep ":80 "
}

# transfer FROM TO ADDRESS-OF-FROM BYTES
transfer() {
	local server
	random_file $WORK/sent "$4"
	on "$1" httpd -f -h $WORK &
	server=$!
	wait_for is_listening "$1"
	on "$2" wget -q -O $WORK/received "http://$3/sent"
	kill $server
	cmp $WORK/sent $WORK/received
}

# both_ways BYTES
both_ways() {
	transfer here there $HERE "$1"
	transfer there here $THERE "$1"
}

jumbo() {
	local place card
	for place in here there; do
		card=$(on $place ip -o link | sed -n 's/^[0-9]*: \([^:@]*\):.*/\1/p' | grep -v '^lo$')
		on $place ip link set "$card" mtu 9000 || skip "no large frames"
	done
	wait_for on here ping -c 1 -W 1 $THERE
	on here ping -c 3 -i 0.2 -W 5 -s 8900 $THERE | grep "3 packets received"
	both_ways 8000000
}

tear_down() {
	ip netns del "$NAME-here"
	ip netns del "$NAME-there"
	rm -f $WORK/*
}

# exercise_network DRIVER
exercise_network() {
	check set_up set_up "$1"
	[ "$OK" ] || return 0
	check ping pings
	check tcp both_ways 8000000
	check jumbo jumbo
	check tear_down tear_down
}
