#!/bin/sh
# Says where tests keep their files: in memory where there is room, since they sync thousands of them.
folder=/dev/shm
if [ -d "$folder" ] && [ -w "$folder" ] && [ "$(df -Pk "$folder" | awk 'NR == 2 { print $4 }')" -ge 4194304 ]; then
    echo "$folder"
else
    echo "${TMPDIR:-/tmp}"
fi
