#!/bin/sh
# Shows changes of memberships, or triggers, with kcat: `./read_changes.sh segments`, all that are there and then those that come.
#
# A kcat with Avro (`kcat -V` names it among the features) prints JSON. Debian's is built without: it shows key, time and
# size of each record. More options go to kcat: -e ends at the end of the topic, -o end begins there.
set -eu
topic=$1
shift
kafka=${ONEFOLD_KAFKA:-127.0.0.1:9092}
registry=${ONEFOLD_REGISTRY:-http://127.0.0.1:8081/apis/ccompat/v7}
if kcat -V | grep -qi 'avro'; then
    exec kcat -C -q -b "$kafka" -t "$topic" -X isolation.level=read_committed -s value=avro -r "$registry" -o beginning "$@"
fi
exec kcat -C -q -b "$kafka" -t "$topic" -X isolation.level=read_committed -f '%k %T %S bytes\n' -o beginning "$@"
