if obj.status ~= nil and obj.status.transition ~= nil and obj.status.transition.approvalToken ~= nil then
  if obj.metadata.annotations == nil then
    obj.metadata.annotations = {}
  end
  obj.metadata.annotations["lanyard.dev/approve"] = obj.status.transition.approvalToken
end
return obj
