local stage = {}
if obj.status ~= nil and obj.status.transition ~= nil then
  stage = obj.status.transition
end
local paused = obj.spec ~= nil and obj.spec.transition ~= nil and obj.spec.transition.paused == true
local token = stage.approvalToken
local approved = obj.metadata.annotations ~= nil and obj.metadata.annotations["lanyard.dev/approve"] == token

local actions = {}
actions["refresh"] = { ["disabled"] = false }
actions["pause"] = { ["disabled"] = paused or stage.stage == nil }
actions["resume"] = { ["disabled"] = not paused }
actions["approve"] = { ["disabled"] = token == nil or approved }
return actions
