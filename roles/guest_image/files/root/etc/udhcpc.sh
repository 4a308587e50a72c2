#!/bin/sh
# udhcpc's hook: address, MTU (option 26), classless routes (option 121), resolver, name
case $1 in
  deconfig) ip link set "$interface" up ;;
  bound | renew)
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    ip addr replace "$ip/$mask" dev "$interface"
    if [ -n "$staticroutes" ]; then
      set -- $staticroutes
      while [ $# -ge 2 ]; do
        if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"; else ip route replace "$1" via "$2" dev "$interface"; fi
        shift 2
      done
    elif [ -n "$router" ]; then
      ip route replace default via "${router%% *}" dev "$interface"
    fi
    {
      for server in $dns; do echo "nameserver $server"; done
      [ -z "$domain" ] || echo "search $domain"
    } >/etc/resolv.conf
    [ -z "$hostname" ] || hostname "$hostname"
    ;;
esac
