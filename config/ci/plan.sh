#!/bin/sh
# Writes the plan of the identities in a directory as Markdown to a file, and fails if a step narrows access or unbinds
# pods. Usage: plan.sh DIRECTORY FILE. ALLOW_NARROWING=true permits such steps. Needs kubectl, kubectl-lanyard and jq.
set -eu
directory=$1 file=$2

# Exit codes of the plan: 0 nothing would change, 1 failed, 2 something would change, 3 not everything could be read.
code=0
kubectl lanyard plan -f "$directory" -o json > plan.json 2> plan.err || code=$?
if [ "$code" = 1 ]; then
  { echo "### Plan of Lanyard"; echo; echo '```text'; cat plan.err; echo '```'; } > "$file"
  cat plan.err
  exit 1
fi

{
  echo "### Plan of Lanyard"
  echo
  echo '```text'
  kubectl lanyard plan -f "$directory" --color never || true
  echo '```'
} > "$file"

risky=$(jq -r '.items[] | "\(.namespace)/\(.name)" as $object | .steps[]
  | select(.effects | any(. == "narrows" or . == "unbinds"))
  | "\($object): \(.text)"' plan.json)
if [ -n "$risky" ] && [ "${ALLOW_NARROWING:-false}" != true ]; then
  echo "These steps narrow access or unbind pods:"
  echo "$risky"
  exit 1
fi
if [ "$(jq .complete plan.json)" != true ]; then
  echo "The plan is not complete: see NOT READ for the missing rights."
  exit 3
fi
